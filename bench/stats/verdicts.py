"""Verdicts on ratios of times: the noise floor, detectable effects, and how many blocks are needed.

Ratios are of times, B over A: above 1 is slower. Scatter is measured in the log scale, where
swapping the sides only changes the sign. Source for deciding by the interval of a ratio rather
than by a test: Kalibera & Jones (2013), Rigorous Benchmarking in Reasonable Time.
"""

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
    median_intervals,
)

Verdict = Literal["REGRESSED", "IMPROVED", "EQUIVALENT", "INCONCLUSIVE"]

LEAST_FLOOR = 0.02  # differences below 2% are not reported, however quiet the machine
WIDEST_SAME = 0.05  # a noisier session than this can show a change, but not equivalence
POWER = 0.8
MOST_FURTHER_BLOCKS = 10_000  # beyond this, "measure more" is no advice
ROUNDING = 1e-12  # of a logarithm: nearer to a border than this is on it
SIMULATED = 2_000  # sets of normal noise behind a minimum detectable effect


def noise_floor(aa_log_ratios: ArrayLike, n: int, least: float = LEAST_FLOOR) -> float:
    """Return how far from 1 a comparison of `n` blocks lands when nothing differs.

    The 97.5th percentile of |A/A ratio - 1|, at least `least`, where an A/A ratio is
    exp(median of n blocks' d). Which A is the numerator is arbitrary, so a block's d is as likely
    as -d: n of them are drawn, 9,999 times, from the d and their mirror images. Without any d:
    `least`. Source of the bootstrap: Efron (1979), Annals of Statistics 7.
    """
    if n < 1:
        raise ValueError(f"expected a comparison of at least 1 block, got {n}")
    _check_floor(least)
    if np.size(aa_log_ratios) == 0:
        return least
    sizes = np.sort(np.abs(checked_sample(aa_log_ratios, "A/A log ratios", finite=True)))
    rng = np.random.default_rng(SEED)
    medians = np.median(rng.choice(np.concatenate([sizes, -sizes]), (RESAMPLES, n)), axis=1)
    return max(least, float(np.quantile(np.abs(np.expm1(medians)), TAILS[1])))


def verdict(ratio: Estimate, floor: float) -> Verdict:
    """Decide by where the interval of a ratio of times lies relative to 1 ± `floor`.

    A change has its interval entirely beyond the floor. Equivalence has it within the floor, but
    never wider than 5%: noise makes nothing equivalent.
    """
    numbers = [x for x in (ratio.value, ratio.low, ratio.high) if x is not None]
    if any(isnan(x) or x < 0 for x in numbers):
        raise ValueError(f"expected a ratio of times, got {ratio}")
    _check_floor(floor)
    if ratio.low is None or ratio.high is None:
        return "INCONCLUSIVE"
    if ratio.low > 1 + floor:
        return "REGRESSED"
    if ratio.high < 1 - floor:
        return "IMPROVED"
    same = min(floor, WIDEST_SAME)
    is_within = ratio.low >= 1 - same and ratio.high <= 1 + same
    return "EQUIVALENT" if is_within else "INCONCLUSIVE"


def minimum_detectable_effect(
    log_ratios: ArrayLike, floor: float, n: int | None = None
) -> float | None:
    """Return the least true slowdown that `n` blocks call REGRESSED four times in five.

    A fraction, 0.07 for 7%; `n` is by default the number of `log_ratios`. The interval moves
    with the effect in the log scale, so what is needed is how far its lower limit falls below
    the truth, at the 80th percentile: the width of the measured interval times a constant for
    normal noise. None where there is no interval, now or with `n`. The width is used rather than
    the standard deviation since heavy tails change it least.
    """
    logs = checked_sample(log_ratios, "log ratios", finite=True)
    _check_floor(floor)
    planned = len(logs) if n is None else n
    if min(len(logs), planned) < MIN_FOR_INTERVAL:
        return None
    low, high = median_intervals(logs[np.newaxis])
    shortfall = _shortfall_in_widths(len(logs), planned) * float(high[0] - low[0])
    return max(floor, exp(log1p(floor) + shortfall) - 1)


def further_blocks(ratio: Estimate, floor: float) -> int | None:
    """Return how many more blocks would decide if the interval shrank as 1/√n.

    Each half of the interval, in the log scale, has to fit between the ratio and the border that
    it crosses. 0 where it is decided; the blocks missing for an interval where there is none;
    None where the ratio lies on a border, or between equivalence and the floor, or more than
    10,000 blocks would be needed.
    """
    if verdict(ratio, floor) != "INCONCLUSIVE":
        return 0
    if ratio.low is None or ratio.high is None:
        return max(0, MIN_FOR_INTERVAL - ratio.n)
    value, low, high = (_log(limit) for limit in (ratio.value, ratio.low, ratio.high))
    lower, upper = _log(1 - floor), log1p(floor)
    same = min(floor, WIDEST_SAME)
    if value > upper:
        halves = [(value - low, value - upper)]
    elif value < lower:
        halves = [(high - value, lower - value)]
    else:
        halves = [(value - low, value - _log(1 - same)), (high - value, log1p(same) - value)]
    if any(gap <= ROUNDING or not isfinite(half) for half, gap in halves):
        return None
    needed = max(ratio.n * (half / gap) ** 2 for half, gap in halves)
    # One more than needed, since nothing is decided on the border itself.
    more = max(1, int(needed) + 1 - ratio.n)
    return more if more <= MOST_FURTHER_BLOCKS else None


@cache
def _shortfall_in_widths(n: int, planned: int) -> float:
    """Return the c for which, in 4 of 5 cases, low > truth - c · (width of another interval).

    `low` is of `planned` normal values, the width of `n` others. Both tails are used, since the
    noise is symmetric.
    """
    low, high = _intervals_of_noise(planned)
    width = np.subtract(*_intervals_of_noise(n)[::-1])
    misses = np.concatenate([-low, high])
    # Rolled, so that no limit is divided by the width of its own interval.
    ratios = [misses / np.tile(np.roll(width, shift), 2) for shift in range(1, 21)]
    return float(np.quantile(ratios, POWER))


@cache
def _intervals_of_noise(n: int) -> tuple[Floats, Floats]:
    return median_intervals(np.random.default_rng((SEED, n)).normal(size=(SIMULATED, n)))


def _check_floor(floor: float) -> None:
    if not floor >= 0:
        raise ValueError(f"expected a noise floor of 0 or more, got {floor}")


def _log(x: float) -> float:
    return log(x) if x > 0 else -inf
