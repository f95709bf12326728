"""Is B slower than A: a ratio, the noise to hold it against, and one of four verdicts.

Ratios are of times, B over A: above 1 is slower. Scatter lives in the log scale, where swapping
the sides only changes the sign. Source for judging by the interval of a ratio,
rather than by a test: Kalibera & Jones (2013), Rigorous Benchmarking in Reasonable Time.
"""

from functools import cache, lru_cache
from itertools import combinations
from math import comb, inf, isfinite, isnan, log, log1p, nan
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import mannwhitneyu, rankdata

from bench.stats.estimates import (
    CONFIDENCE,
    MIN_FOR_INTERVAL,
    RESAMPLES,
    SEED,
    Estimate,
    Floats,
    bootstrap_median,
    median_intervals,
)

Verdict = Literal["REGRESSED", "IMPROVED", "EQUIVALENT", "INCONCLUSIVE"]

LEAST_FLOOR = 0.02  # no difference below 2% is called one, however quiet the machine
WIDEST_SAME = 0.05  # a noisier session than this can show a change, but not that there is none
POWER = 0.8
MOST_FURTHER_BLOCKS = 10_000  # beyond this, "measure more" is no advice
ROUNDING = 1e-12  # of a logarithm: nearer to a border than this is on it
MOST_SPLITS = 50_000  # 9 against 9 are 48,620
SIMULATED = 2_000  # sets of normal noise behind a minimum detectable effect

_TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


def paired_ratio(log_ratios: ArrayLike) -> Estimate:
    """Estimate tB / tA from one d = log(tB / tA) a block: exp of the median and of its limits.

    A missed target is an infinite time and takes part, but on one side only: infinities of both
    signs raise ValueError, as blanks do. Source: Efron (1979), Annals of Statistics
    7, section 3.
    """
    logs = _numbers(log_ratios, "log ratios")
    if (logs == inf).any() and (logs == -inf).any():
        raise ValueError("targets were missed on both sides: that makes no ratio of times")
    median = bootstrap_median(logs)
    low = None if median.low is None else _exp(median.low)
    high = None if median.high is None else _exp(median.high)
    return Estimate(_exp(median.value), low, high, median.n)


def unpaired_ratio(baseline: ArrayLike, other: ArrayLike) -> Estimate:
    """Estimate median(other) / median(baseline) from two sessions that were not interleaved.

    Both sides are resampled independently. `n` is the smaller size; where that is too small
    there is no interval. Times must be positive, and infinite ones on one side only. Source:
    Davison & Hinkley (1997), section 3.2 (several samples) and section 5.3 (percentile limits).
    """
    sides = [np.sort(_numbers(side, "times")) for side in (baseline, other)]
    if any((side <= 0).any() for side in sides):
        raise ValueError("a ratio needs times above 0")
    if all(np.isinf(side).any() for side in sides):
        raise ValueError("targets were missed on both sides: that makes no ratio of times")
    value = float(np.median(sides[1]) / np.median(sides[0]))
    n = min(len(side) for side in sides)
    if n < MIN_FOR_INTERVAL:
        return Estimate(value, None, None, n)
    rng = np.random.default_rng(SEED)
    before, after = (np.median(rng.choice(side, (RESAMPLES, len(side))), axis=1) for side in sides)
    # "inverted_cdf" is a value that was drawn, never a mean of two: infinity is no trouble.
    low, high = np.quantile(after / before, _TAILS, method="inverted_cdf")
    return Estimate(value, float(low), float(high), n)


def noise_floor(aa_log_ratios: ArrayLike, n: int, least: float = LEAST_FLOOR) -> float:
    """Say how far from 1 a comparison of `n` blocks lands when nothing differs, at least `least`.

    The 97.5th percentile of |A/A ratio - 1|, where an A/A ratio is exp(median of n blocks' d).
    Which A stands above the line is arbitrary, so a block's d is as likely as -d: n of them are
    drawn, 9,999 times, from the d and their mirror images. Without any d: `least`. Source of
    the bootstrap: Efron (1979), Annals of Statistics 7.
    """
    if n < 1:
        raise ValueError(f"a comparison has at least 1 block, not {n}")
    _check_floor(least)
    if np.size(aa_log_ratios) == 0:
        return least
    sizes = np.sort(np.abs(_numbers(aa_log_ratios, "A/A log ratios", finite=True)))
    rng = np.random.default_rng(SEED)
    medians = np.median(rng.choice(np.concatenate([sizes, -sizes]), (RESAMPLES, n)), axis=1)
    return max(least, float(np.quantile(np.abs(np.expm1(medians)), _TAILS[1])))


def verdict(ratio: Estimate, floor: float) -> Verdict:
    """Judge a ratio of times by where its interval lies against 1 ± `floor`.

    A change lies beyond the floor with its whole interval. Sameness is an interval within the
    floor, but never within more than 5%: noise makes nothing equal.
    """
    _check_ratio(ratio)
    _check_floor(floor)
    if ratio.low is None or ratio.high is None:
        return "INCONCLUSIVE"
    if ratio.low > 1 + floor:
        return "REGRESSED"
    if ratio.high < 1 - floor:
        return "IMPROVED"
    same = min(floor, WIDEST_SAME)
    inside = ratio.low >= 1 - same and ratio.high <= 1 + same
    return "EQUIVALENT" if inside else "INCONCLUSIVE"


def minimum_detectable_effect(
    log_ratios: ArrayLike, floor: float, n: int | None = None
) -> float | None:
    """Find the least true slowdown that `n` blocks call REGRESSED four times in five.

    A fraction, 0.07 for 7%; `n` is by default as many blocks as there are. The interval moves
    with the effect in the log scale, so what is needed is how far its lower limit falls below
    the truth, at the 80th percentile: the width of the interval at hand times a constant for
    normal noise. None where there is no interval, now or with `n`. The width, and not the
    standard deviation, since it is what heavy tails change least.
    """
    logs = _numbers(log_ratios, "log ratios", finite=True)
    _check_floor(floor)
    planned = len(logs) if n is None else n
    if min(len(logs), planned) < MIN_FOR_INTERVAL:
        return None
    low, high = median_intervals(logs[np.newaxis])
    shortfall = _shortfall_in_widths(len(logs), planned) * float(high[0] - low[0])
    return max(floor, _exp(log1p(floor) + shortfall) - 1)


def further_blocks(ratio: Estimate, floor: float) -> int | None:
    """Say how many more blocks would decide, if the ratio stayed and its interval shrank as 1/√n.

    Each half of the interval, in the log scale, has to fit between the ratio and the border that
    it crosses. 0 where it is decided; what is missing for an interval where there is none; None
    where the ratio sits on a border, or between sameness and the floor, or more than 10,000
    blocks would not do.
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
    return _blocks_to_fit(halves, ratio.n)


def mann_whitney(baseline: ArrayLike, other: ArrayLike) -> float:
    """Test whether one of two samples tends to be larger: the two-sided p, blank if one is empty.

    Exact without ties. With ties it is exact where the splits can be counted out (at most
    50,000 of them), else the normal approximation. Infinite values rank last. Source: Mann &
    Whitney (1947), Annals of Mathematical Statistics 18.
    """
    if np.size(baseline) == 0 or np.size(other) == 0:
        return nan
    first, second = _numbers(baseline, "values"), _numbers(other, "values")
    pooled = np.concatenate([first, second])
    if len(np.unique(pooled)) == len(pooled):
        return _exact((np.argsort(pooled) < len(first)).tobytes())
    if comb(len(pooled), len(first)) > MOST_SPLITS:
        return float(mannwhitneyu(first, second, method="asymptotic").pvalue)
    return _counted_out(*sorted((first, second), key=len))


def least_p(n: int) -> float:
    """Give the least two-sided p that n against n values can have: all of one side first."""
    return min(1.0, 2 / comb(2 * n, n))


@lru_cache(maxsize=4096)
def _exact(is_first: bytes) -> float:
    """Test two samples without ties, of which only the order counts, rank by rank."""
    ranked = np.frombuffer(is_first, dtype=bool)
    first, second = np.flatnonzero(ranked), np.flatnonzero(~ranked)
    return float(mannwhitneyu(first, second, method="exact").pvalue)


def holm(p_values: ArrayLike) -> Floats:
    """Adjust p-values for their number, step by step down; blanks stay and do not count.

    The i-th smallest of m becomes max over j ≤ i of (m - j + 1) · p(j), at most 1. Source: Holm
    (1979), Scandinavian Journal of Statistics 6.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    if raw.ndim != 1 or ((raw < 0) | (raw > 1)).any():
        raise ValueError("expected a list of probabilities")
    order = np.argsort(raw, kind="stable")[: np.count_nonzero(~np.isnan(raw))]  # blanks sort last
    adjusted = np.full_like(raw, nan)
    steps = np.arange(len(order), 0, -1) * raw[order]
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted


def _blocks_to_fit(halves: list[tuple[float, float]], n: int) -> int | None:
    """Count the blocks beyond n until every half width has shrunk into its gap."""
    needed = 0.0
    for half, gap in halves:
        if gap <= ROUNDING or not isfinite(half):
            return None
        needed = max(needed, n * (half / gap) ** 2)
    # One beyond, since on the border itself nothing is decided.
    more = max(1, int(needed) + 1 - n)
    return more if more <= MOST_FURTHER_BLOCKS else None


@cache
def _shortfall_in_widths(n: int, planned: int) -> float:
    """Find the c for which, in 4 of 5 cases, low > truth - c · (width of another interval).

    `low` is of `planned` normal values, the width of `n` others. Both tails serve: the noise is
    symmetric.
    """
    low, high = _intervals_of_noise(planned)
    width = np.subtract(*_intervals_of_noise(n)[::-1])
    misses = np.concatenate([-low, high])
    # Rolled, so that no limit is held against the width of its own interval.
    ratios = [misses / np.tile(np.roll(width, shift), 2) for shift in range(1, 21)]
    return float(np.quantile(ratios, POWER))


@cache
def _intervals_of_noise(n: int) -> tuple[Floats, Floats]:
    """Draw sets of n standard normal values into the limits of their medians."""
    return median_intervals(np.random.default_rng((SEED, n)).normal(size=(SIMULATED, n)))


def _counted_out(side: Floats, rest: Floats) -> float:
    """Hold the smaller sample's sum of ranks against that of every other split of the ranks."""
    ranks = rankdata(np.concatenate([side, rest]))
    splits = np.array(list(combinations(range(len(ranks)), len(side))))
    sums, observed = ranks[splits].sum(axis=1), ranks[: len(side)].sum()
    tail = min(np.mean(sums <= observed), np.mean(sums >= observed))
    return min(1.0, 2 * float(tail))


def _numbers(values: ArrayLike, what: str, finite: bool = False) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or numbers.size == 0:
        raise ValueError(f"expected a non-empty list of {what}, got shape {numbers.shape}")
    if np.isnan(numbers).any():
        raise ValueError(f"blanks among the {what}: drop them first, with their pairs")
    if finite and np.isinf(numbers).any():
        raise ValueError(f"infinity among the {what}")
    return numbers


def _check_ratio(ratio: Estimate) -> None:
    numbers = [x for x in (ratio.value, ratio.low, ratio.high) if x is not None]
    if any(isnan(x) or x < 0 for x in numbers):
        raise ValueError(f"expected a ratio of times, got {ratio}")


def _check_floor(floor: float) -> None:
    if not floor >= 0:
        raise ValueError(f"a noise floor is a fraction of 0 or more, not {floor}")


def _exp(x: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.exp(x))


def _log(x: float) -> float:
    return log(x) if x > 0 else -inf
