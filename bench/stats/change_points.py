"""Change points: where a series of numbers steps from one level to another."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from bench.stats.estimates import SEED, Floats

SHORTEST = 3  # numbers on either side of a step
PERMUTATIONS = 19_999


def change_points(values: ArrayLike, level: float) -> list[int]:
    """Return the indices at which a new level begins, in order.

    The split with the largest standardised rank sum is a step if at most the fraction `level` of
    random permutations of the numbers have one as large; then both sides are searched alone.
    Ranks are used since single sessions are outliers, and permutations since every order is
    equally likely where nothing steps. Raises ValueError for numbers that are not finite.
    Sources: the largest over all splits, Pettitt (1979), Applied Statistics 28; permutations and
    the division of each side, Matteson & James (2014), JASA 109.
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or not np.isfinite(series).all():
        raise ValueError("expected a list of finite numbers")
    return list(_steps(series, 0, level))


def _steps(series: Floats, start: int, level: float) -> Iterator[int]:
    if len(series) < 2 * SHORTEST:
        return
    ranks = rankdata(series)[np.newaxis]
    observed = _split_statistics(ranks)
    split = int(np.argmax(observed[0])) + SHORTEST
    orders = np.random.default_rng(SEED).permuted(np.repeat(ranks, PERMUTATIONS, axis=0), axis=1)
    as_large = _split_statistics(orders).max(axis=1) >= observed.max() * (1 - 1e-12)
    if (1 + np.count_nonzero(as_large)) / (1 + PERMUTATIONS) > level:
        return
    yield from _steps(series[:split], start, level)
    yield start + split
    yield from _steps(series[split:], start + split, level)


def _split_statistics(ranks: Floats) -> Floats:
    """Return |rank sum of the first part - its expectation| over its standard deviation.

    `ranks` is (m, n); the result is (m, splits) for splits that leave SHORTEST numbers on both
    sides. A factor of the deviation that all splits share is left out.
    """
    n = ranks.shape[1]
    first = np.arange(SHORTEST, n - SHORTEST + 1)
    sums = np.cumsum(ranks, axis=1)[:, first - 1]
    statistics: Floats = np.abs(sums - first * (n + 1) / 2) / np.sqrt(first * (n - first))
    return statistics
