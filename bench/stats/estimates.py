"""Point estimates of medians, means and ratios, each with its interval and sample size."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

CONFIDENCE = 0.95
RESAMPLES = 9_999
SEED = 0
ROUNDING = 1e-12  # of a probability: nearer to a level than this is on it
MIN_FOR_INTERVAL = 6  # fewer values have no 95% interval of their centre: "exploratory"
MOST_EXACT = 400  # values: the exact distribution takes n³ operations
MIN_SEEDS = 3  # two seeds can agree by chance

TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval (95% by default); no limits where `n` is too small for one."""

    value: float
    low: float | None
    high: float | None
    n: int

    def map(self, function: Callable[[float], float]) -> "Estimate":
        """Apply an increasing function to the value and to both limits."""
        low, high = (None if x is None else function(x) for x in (self.low, self.high))
        return Estimate(function(self.value), low, high, self.n)

    def columns(self, name: str, centre: str = "") -> dict[str, float | None]:
        """Return the columns `<name><centre>`, `<name>_low` and `<name>_high` of a table."""
        return {f"{name}{centre}": self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def bootstrap_median(values: ArrayLike) -> Estimate:
    """Estimate a median with the percentile bootstrap; no interval below six values.

    The interval doesn't depend on the order of the values. Infinite values take part.
    Source: Efron (1979), Annals of Statistics 7, section 3.
    """
    sample = checked_sample(values)
    n = len(sample)
    value = float(np.median(sample))
    if n < MIN_FOR_INTERVAL:
        return Estimate(value, None, None, n)
    (low,), (high,) = median_intervals(sample[np.newaxis])
    return Estimate(value, float(low), float(high), n)


def median_intervals(samples: Floats) -> tuple[Floats, Floats]:
    """Bootstrap the median of every row of `samples` (rows, n) into its (low, high) limits.

    This is `scipy.stats.bootstrap(..., np.median, method="percentile")` over sorted values with
    one set of resamples for all rows. A resample's median is a mean of two order statistics, so
    only their ranks are drawn, once for each n, and equal pairs of ranks are counted. The limits
    are the 250th and the 9,750th of the 9,999 sorted medians, without interpolation, so that
    infinite values do no harm. Source: Davison & Hinkley (1997), section 5.3.
    """
    ordered = np.sort(samples, axis=1)
    lower, upper, counts = _median_ranks(samples.shape[1])
    medians = (ordered[:, lower] + ordered[:, upper]) / 2
    by_size = np.argsort(medians, axis=1)
    cumulative = np.cumsum(counts[by_size], axis=1)
    first = round((RESAMPLES + 1) * (1 - CONFIDENCE) / 2)
    low, high = (
        medians[np.arange(len(medians)), by_size[np.arange(len(medians)), at]]
        for at in ((cumulative >= rank).argmax(axis=1) for rank in (first, RESAMPLES + 1 - first))
    )
    return low, high


def mean_t(values: ArrayLike) -> Estimate:
    """Estimate a mean with Student's t interval; a single value has none.

    mean ± t(0.975, n − 1) · s / √n. Source: Student (1908), Biometrika 6; NIST/SEMATECH
    e-Handbook of Statistical Methods, 1.3.5.2.
    """
    sample = checked_sample(values)
    n = len(sample)
    mean = float(np.mean(sample))
    if n == 1:
        return Estimate(mean, None, None, n)
    quantile = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    half = quantile * float(np.std(sample, ddof=1)) / n**0.5
    return Estimate(mean, mean - half, mean + half, n)


def mean_accuracy(accuracies: ArrayLike) -> Estimate:
    """Estimate a mean accuracy like `mean_t`, with an interval within [0, 1].

    The interval of another metric, with a value outside, is as it is.
    """
    estimate, sample = mean_t(accuracies), np.asarray(accuracies, dtype=np.float64)
    if estimate.low is None or estimate.high is None or not is_fraction(sample):
        return estimate
    return replace(estimate, low=max(estimate.low, 0.0), high=min(estimate.high, 1.0))


def mean_bounds(
    accuracies: ArrayLike, confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """Return the mean's one-sided lower and upper bound, each with this confidence.

    mean ± t(confidence, n − 1) · s / √n, within [0, 1] where all values are; None for fewer than
    three seeds. Source: Student (1908),
    Biometrika 6; NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
    """
    sample = np.asarray(accuracies, dtype=np.float64)
    n = len(sample)
    if n < MIN_SEEDS:
        return None
    mean, error = float(np.mean(sample)), float(np.std(sample, ddof=1) / np.sqrt(n))
    half = float(stdtrit(n - 1, confidence)) * error
    low, high = mean - half, mean + half
    return (max(0.0, low), min(1.0, high)) if is_fraction(sample) else (low, high)


def is_fraction(values: Floats) -> bool:
    """Return whether all values are between 0 and 1."""
    return bool(((values >= 0) & (values <= 1)).all())


def paired_ratio(log_ratios: ArrayLike, confidence: float = CONFIDENCE) -> Estimate:
    """Estimate tB / tA from one log(tB / tA) per set: exp of the pseudo-median and its limits.

    The limits are None where there are too few sets for `confidence`: at 95% fewer than six. A
    missed target is an infinite time and takes part, but on one side only: raises ValueError for
    infinities of both signs. The ratio is infinite where more than about 29% are. Source: Hodges &
    Lehmann (1963), Annals of Mathematical Statistics 34.
    """
    logs = checked_sample(log_ratios, "log ratios")
    if (logs == np.inf).any() and (logs == -np.inf).any():
        raise ValueError("targets were missed on both sides: the ratio of times is undefined")
    n = len(logs)
    estimate = Estimate(float(pseudo_medians(logs[np.newaxis])[0]), None, None, n)
    if critical_rank(n, confidence):
        (low,), (high,) = signed_rank_intervals(logs[np.newaxis], confidence)
        estimate = replace(estimate, low=float(low), high=float(high))
    return estimate.map(exp)


def pseudo_medians(samples: Floats) -> Floats:
    """Return the median of all Walsh averages of every row of `samples` (rows, n).

    Source: Hodges & Lehmann (1963), Annals of Mathematical Statistics 34.
    """
    averages = _walsh_averages(samples)
    last = averages.shape[1] - 1
    return (averages[:, last // 2] + averages[:, (last + 1) // 2]) / 2


def signed_rank_intervals(samples: Floats, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Return the (low, high) limits of the centre of every row of `samples` (rows, n).

    They are the C-th smallest and the C-th largest Walsh average, C from the exact distribution
    of Wilcoxon's signed-rank statistic. The confidence holds for independent values that are
    symmetric about the centre, as log ratios are whose sides differ by a factor. Raises ValueError
    for too few values. Source: Tukey's interval in Hollander & Wolfe (1999), Nonparametric
    Statistical Methods, section 3.3.
    """
    n = samples.shape[1]
    if not (rank := critical_rank(n, confidence)):
        raise ValueError(f"{n} values are too few for an interval with confidence {confidence}")
    averages = _walsh_averages(samples)
    return averages[:, rank - 1], averages[:, -rank]


@cache
def critical_rank(n: int, confidence: float) -> int:
    """Return the largest C with P(T+ < C) <= (1 - confidence) / 2; 0 if n is too small.

    T+ is Wilcoxon's signed-rank statistic of n values without an effect: the sum of a random
    subset of 1..n. Its distribution is exact up to n = 400; beyond, it is a normal one, whose
    heavier tails make C a little smaller. Source: Hollander & Wolfe (1999), Nonparametric
    Statistical Methods, section 3.1.
    """
    if n > MOST_EXACT:
        deviation = (n * (n + 1) * (2 * n + 1) / 24) ** 0.5
        return int(n * (n + 1) / 4 + deviation * float(ndtri((1 - confidence) / 2)))
    probabilities = np.zeros(n * (n + 1) // 4 + 1)  # of T+ = 0, 1, … up to the middle
    probabilities[0] = 1.0
    for rank in range(1, n + 1):
        with_it = probabilities[:-rank] / 2  # a copy
        probabilities /= 2
        probabilities[rank:] += with_it
    tail = (1 - confidence) / 2 + ROUNDING
    return int(np.searchsorted(np.cumsum(probabilities), tail, side="right"))


def _walsh_averages(samples: Floats) -> Floats:
    """Return the sorted means of all pairs of values, also with themselves: (rows, n (n + 1) / 2).

    `np.take` and `np.sort` are several times as fast as indexing and `np.partition`.
    """
    pairs = np.triu_indices(samples.shape[1])
    first, second = (np.take(samples, indices, axis=1) for indices in pairs)
    return np.sort((first + second) / 2, axis=1)


def unpaired_ratio(baseline: ArrayLike, other: ArrayLike) -> Estimate:
    """Estimate median(other) / median(baseline) from two sessions that were not interleaved.

    Both sides are resampled independently. `n` is the smaller size; where that is too small
    there is no interval. Times must be positive, and infinite on one side only. Source:
    Davison & Hinkley (1997), section 3.2 (several samples) and section 5.3 (percentile limits).
    """
    sides = [np.sort(checked_sample(side, "times")) for side in (baseline, other)]
    if any((side <= 0).any() for side in sides):
        raise ValueError("expected times above 0")
    if all(np.isinf(side).any() for side in sides):
        raise ValueError("targets were missed on both sides: the ratio of times is undefined")
    value = float(np.median(sides[1]) / np.median(sides[0]))
    n = min(len(side) for side in sides)
    if n < MIN_FOR_INTERVAL:
        return Estimate(value, None, None, n)
    rng = np.random.default_rng(SEED)
    before, after = (np.median(rng.choice(side, (RESAMPLES, len(side))), axis=1) for side in sides)
    # "inverted_cdf" is a value that was drawn, never a mean of two: infinity is no trouble.
    low, high = np.quantile(after / before, TAILS, method="inverted_cdf")
    return Estimate(value, float(low), float(high), n)


def tukey_labels(values: ArrayLike) -> list[str]:
    """Label every value "", "outside" or "far out" by its distance from the quartiles.

    More than 1.5 interquartile ranges beyond a quartile is outside, more than 3 far out. The
    quartiles are numpy's (method "linear"), which differ a little from Tukey's hinges.
    Source: Tukey (1977), Exploratory Data Analysis, chapter 2.
    """
    sample = np.clip(checked_sample(values), -1e300, 1e300)  # avoids inf - inf
    first, third = np.quantile(sample, [0.25, 0.75])
    beyond = np.maximum(first - sample, sample - third)
    step = 1.5 * (third - first)
    return ["far out" if b > 2 * step else "outside" if b > step else "" for b in beyond]


def checked_sample(values: ArrayLike, what: str = "numbers", *, finite: bool = False) -> Floats:
    """Return a one-dimensional array; raises ValueError if it is empty or has blanks."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"expected a non-empty list of {what}, got shape {sample.shape}")
    if np.isnan(sample).any():
        raise ValueError(f"expected {what}, found blanks: drop them first, with their pairs")
    if finite and np.isinf(sample).any():
        raise ValueError(f"expected finite {what}, found infinity")
    return sample


def exp(x: float) -> float:
    """Return e**x, infinite where it overflows."""
    with np.errstate(over="ignore"):
        return float(np.exp(x))


@lru_cache(maxsize=64)  # a growing study needs every size up to its last
def _median_ranks(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Draw the ranks of the two middle values of resamples of n sorted values, with counts."""
    rng = np.random.default_rng(SEED)
    ranks = np.sort(rng.integers(0, n, size=(RESAMPLES, n)), axis=1)
    middle = ranks[:, [(n - 1) // 2, n // 2]]
    pairs, counts = np.unique(middle, axis=0, return_counts=True)
    return pairs[:, 0], pairs[:, 1], counts
