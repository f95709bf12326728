"""Verdicts on ratios of times: the noise floor, detectable effects, and how many blocks are needed.

Ratios are of times, B over A: above 1 is slower. Scatter is measured in the log scale, where
swapping the sides only changes the sign. Source for deciding by the interval of a ratio rather
than by a test: Kalibera & Jones (2013), Rigorous Benchmarking in Reasonable Time.
"""

from collections.abc import Callable
from functools import cache
from math import inf, isfinite, isnan, log, log1p
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bench.stats.estimates import (
    MIN_FOR_INTERVAL,
    RESAMPLES,
    SEED,
    TAILS,
    Estimate,
    Floats,
    checked_sample,
    exp,
    pseudo_medians,
    signed_rank_intervals,
)

Intervals = Callable[[Floats], tuple[Floats, Floats]]  # of the rows of an array: low, high
Verdict = Literal["REGRESSED", "IMPROVED", "EQUIVALENT", "INCONCLUSIVE"]

LEAST_FLOOR = 0.005  # a change of less than 0.5% is none, however quiet the machine
EQUIVALENCE_MARGIN = 0.03  # times that differ by less are equivalent in practice
POWER = 0.8
MOST_FURTHER_SETS = 10_000  # beyond this, "measure more" is no advice
ROUNDING = 1e-12  # of a logarithm: nearer to a border than this is on it
SIMULATED = 2_000  # samples of normal noise behind a minimum detectable effect
MOST_DRAWN = 12  # values of a resample: the spread of larger ones shrinks as 1/√n


def noise_floor(aa_log_ratios: ArrayLike, n: int, least: float = LEAST_FLOOR) -> float:
    """Return how far from 1 a comparison of `n` sets lands when nothing differs.

    The 97.5th percentile of |A/A ratio - 1|, at least `least`, where an A/A ratio is
    exp(pseudo-median of n sets' d). Which A is the numerator is arbitrary, so a set's d is as
    likely as -d: n of them, but at most 12, are drawn 9,999 times from the d and their mirror
    images. Without any d: `least`. Source of the bootstrap: Efron (1979), Annals of Statistics 7.
    """
    if n < 1:
        raise ValueError(f"expected a comparison of at least 1 set, got {n}")
    _check_limit(least)
    if np.size(aa_log_ratios) == 0:
        return least
    sizes = np.sort(np.abs(checked_sample(aa_log_ratios, "A/A log ratios", finite=True)))
    rng, drawn = np.random.default_rng(SEED), min(n, MOST_DRAWN)
    resamples = rng.choice(np.concatenate([sizes, -sizes]), (RESAMPLES, drawn))
    centres = pseudo_medians(resamples) * (drawn / n) ** 0.5
    return max(least, float(np.quantile(np.abs(np.expm1(centres)), TAILS[1])))


def verdict(ratio: Estimate, floor: float, margin: float = EQUIVALENCE_MARGIN) -> Verdict:
    """Decide by where the interval of a ratio of times lies relative to 1.

    A change has its interval entirely beyond 1 ± `floor`, the session's noise. What is no change
    is equivalent if its interval lies within 1 ± `margin`, a difference without consequence.
    Source: the intervals of equivalence tests, Schuirmann (1987), Journal of Pharmacokinetics and
    Biopharmaceutics 15.
    """
    numbers = [x for x in (ratio.value, ratio.low, ratio.high) if x is not None]
    if any(isnan(x) or x < 0 for x in numbers):
        raise ValueError(f"expected a ratio of times, got {ratio}")
    _check_limit(floor)
    _check_limit(margin)
    if ratio.low is None or ratio.high is None:
        return "INCONCLUSIVE"
    if ratio.low > 1 + floor:
        return "REGRESSED"
    if ratio.high < 1 - floor:
        return "IMPROVED"
    is_within = ratio.low >= 1 - margin and ratio.high <= 1 + margin
    return "EQUIVALENT" if is_within else "INCONCLUSIVE"


def minimum_detectable_effect(
    log_ratios: ArrayLike,
    floor: float,
    n: int | None = None,
    intervals: Intervals = signed_rank_intervals,
) -> float | None:
    """Return the least true slowdown that `n` sets call REGRESSED four times in five.

    A fraction, 0.07 for 7%; `n` is by default the number of `log_ratios`. The interval moves
    with the effect in the log scale, so what is needed is how far its lower limit falls below
    the truth, at the 80th percentile: the width of the measured interval times a constant for
    normal noise. None where there is no interval, now or with `n`. The width is used rather than
    the standard deviation since heavy tails change it least.
    """
    logs = checked_sample(log_ratios, "log ratios", finite=True)
    _check_limit(floor)
    planned = len(logs) if n is None else n
    if min(len(logs), planned) < MIN_FOR_INTERVAL:
        return None
    (low,), (high,) = intervals(logs[np.newaxis])
    shortfall = _shortfall_in_widths(len(logs), planned, intervals) * float(high - low)
    return max(floor, exp(log1p(floor) + shortfall) - 1)


def further_sets(ratio: Estimate, floor: float, margin: float = EQUIVALENCE_MARGIN) -> int | None:
    """Return how many more sets would decide if the interval shrank as 1/√n.

    Each half of the interval, in the log scale, has to fit between the ratio and the border that
    it crosses. 0 where it is decided; the sets missing for an interval where there is none; None
    where the ratio lies on a border, or beyond the margin and within the floor, or more than
    10,000 sets would be needed.
    """
    if verdict(ratio, floor, margin) != "INCONCLUSIVE":
        return 0
    if ratio.low is None or ratio.high is None:
        return max(0, MIN_FOR_INTERVAL - ratio.n)
    value, low, high = (_log(limit) for limit in (ratio.value, ratio.low, ratio.high))
    below, above = value - low, high - value
    ways = [  # halves of the interval, each with the gap that it has to fit into
        [(below, value - log1p(floor))],
        [(above, _log(1 - floor) - value)],
        [(below, value - _log(1 - margin)), (above, log1p(margin) - value)],
    ]
    needed = [
        max((half / gap) ** 2 for half, gap in way)
        for way in ways
        if all(gap > ROUNDING and isfinite(half) for half, gap in way)
    ]
    if not needed:
        return None
    # One more than needed, since nothing is decided on the border itself.
    more = max(1, int(ratio.n * min(needed)) + 1 - ratio.n)
    return more if more <= MOST_FURTHER_SETS else None


@cache
def _shortfall_in_widths(n: int, planned: int, intervals: Intervals) -> float:
    """Return the c for which, in 4 of 5 cases, low > truth - c · (width of another interval).

    `low` is of `planned` normal values, the width of `n` others. Both tails are used, since the
    noise is symmetric.
    """
    low, high = _intervals_of_noise(planned, intervals)
    width = np.subtract(*_intervals_of_noise(n, intervals)[::-1])
    misses = np.concatenate([-low, high])
    # Rolled, so that no limit is divided by the width of its own interval.
    ratios = [misses / np.tile(np.roll(width, shift), 2) for shift in range(1, 21)]
    return float(np.quantile(ratios, POWER))


@cache
def _intervals_of_noise(n: int, intervals: Intervals) -> tuple[Floats, Floats]:
    if n > MOST_DRAWN:
        shrink = (MOST_DRAWN / n) ** 0.5
        low, high = _intervals_of_noise(MOST_DRAWN, intervals)
        return shrink * low, shrink * high
    return intervals(np.random.default_rng((SEED, n)).normal(size=(SIMULATED, n)))


def _check_limit(limit: float) -> None:
    if not limit >= 0:
        raise ValueError(f"expected a noise floor or margin of 0 or more, got {limit}")


def _log(x: float) -> float:
    return log(x) if x > 0 else -inf
