"""Where a series of numbers steps from one level to another."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from bench.stats.estimates import SEED, Floats

SHORTEST = 3  # numbers on either side of a step
PERMUTATIONS = 19_999


def change_points(values: ArrayLike, level: float) -> list[int]:
    """Find the indices at which a new level begins, in order.

    The split with the largest standardised sum of ranks is a step if at most the fraction
    `level` of random orders of the same numbers have a split as telling; then each side is
    looked at alone. Ranks, since single sessions lie far out; whatever the numbers, one order
    is as likely as another where nothing steps. Raises ValueError for numbers that are not
    finite. Sources: the largest over all splits, Pettitt (1979), Applied Statistics 28;
    permutations and the division of each side, Matteson & James (2014), JASA 109.
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or not np.isfinite(series).all():
        raise ValueError("expected a list of finite numbers")
    return list(_within(series, 0, level))


def _within(series: Floats, start: int, level: float) -> Iterator[int]:
    """Give the steps of a part of a series that begins at `start`."""
    if len(series) < 2 * SHORTEST:
        return
    ranks = rankdata(series)[np.newaxis]
    split = int(np.argmax(_told(ranks)[0])) + SHORTEST
    orders = np.random.default_rng(SEED).permuted(np.repeat(ranks, PERMUTATIONS, axis=0), axis=1)
    telling = _told(orders).max(axis=1) >= _told(ranks).max() * (1 - 1e-12)
    if (1 + np.count_nonzero(telling)) / (1 + PERMUTATIONS) > level:
        return
    yield from _within(series[:split], start, level)
    yield start + split
    yield from _within(series[split:], start + split, level)


def _told(ranks: Floats) -> Floats:
    """Say how telling each split is that leaves SHORTEST numbers on both sides: (m, n) ranks.

    The distance of the first part's sum of ranks from what is expected of it, over its standard
    deviation but for a factor that all splits share.
    """
    n = ranks.shape[1]
    first = np.arange(SHORTEST, n - SHORTEST + 1)
    sums = np.cumsum(ranks, axis=1)[:, first - 1]
    told: Floats = np.abs(sums - first * (n + 1) / 2) / np.sqrt(first * (n - first))
    return told
