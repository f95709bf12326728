"""One number from many: an estimate that never travels without its uncertainty."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

CONFIDENCE = 0.95
RESAMPLES = 9_999
SEED = 0
MIN_FOR_INTERVAL = 6  # fewer values than this: no interval of a median, "exploratory"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval, which is None where `n` is too small for one."""

    value: float
    low: float | None
    high: float | None
    n: int


def bootstrap_median(values: ArrayLike) -> Estimate:
    """Estimate a median with the percentile bootstrap; below six values without interval.

    The same values in another order give the same interval. Infinite values take part.
    Source: Efron (1979), Annals of Statistics 7, section 3.
    """
    sample = _sample(values)
    n = len(sample)
    if n < MIN_FOR_INTERVAL:
        return Estimate(float(np.median(sample)), None, None, n)
    low, high = median_intervals(sample[np.newaxis])
    return Estimate(float(np.median(sample)), float(low[0]), float(high[0]), n)


def median_intervals(samples: Floats) -> tuple[Floats, Floats]:
    """Bootstrap the median of every row of `samples` (rows, n) into its (low, high) limits.

    This is `scipy.stats.bootstrap(..., np.median, method="percentile")` over sorted values with
    one set of resamples for all rows. A resample's median is a mean of two order statistics, so
    only their ranks are drawn, once for each n, and of equal ones only how often they came. The
    limits are the 250th and the 9,750th of the 9,999 sorted medians, with no interpolation, so
    that infinite values are no trouble. Source: Davison & Hinkley (1997), section 5.3.
    """
    ordered = np.sort(samples, axis=1)
    lower, upper, counts = _median_ranks(samples.shape[1])
    medians = (ordered[:, lower] + ordered[:, upper]) / 2
    by_size = np.argsort(medians, axis=1)
    places = np.cumsum(counts[by_size], axis=1)
    first = round((RESAMPLES + 1) * (1 - CONFIDENCE) / 2)
    low, high = (
        medians[np.arange(len(medians)), by_size[np.arange(len(medians)), at]]
        for at in ((places >= place).argmax(axis=1) for place in (first, RESAMPLES + 1 - first))
    )
    return low, high


def mean_t(values: ArrayLike) -> Estimate:
    """Estimate a mean with Student's t interval; a single value has none.

    mean ± t(0.975, n − 1) · s / √n. Source: Student (1908), Biometrika 6; NIST/SEMATECH
    e-Handbook of Statistical Methods, 1.3.5.2.
    """
    sample = _sample(values)
    n = len(sample)
    mean = float(np.mean(sample))
    if n == 1:
        return Estimate(mean, None, None, n)
    quantile = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    half = quantile * float(np.std(sample, ddof=1)) / n**0.5
    return Estimate(mean, mean - half, mean + half, n)


def tukey_labels(values: ArrayLike) -> list[str]:
    """Label every value "", "outside" or "far out" by its distance from the quartiles.

    More than 1.5 interquartile ranges beyond a quartile is outside, more than 3 far out. The
    quartiles are numpy's (method "linear"), which differ a little from Tukey's hinges. Nothing
    is dropped. Source: Tukey (1977), Exploratory Data Analysis, chapter 2.
    """
    sample = np.clip(_sample(values), -1e300, 1e300)  # a missed target must not make inf - inf
    first, third = np.quantile(sample, [0.25, 0.75])
    beyond = np.maximum(first - sample, sample - third)
    step = 1.5 * (third - first)
    return ["far out" if b > 2 * step else "outside" if b > step else "" for b in beyond]


def _sample(values: ArrayLike) -> Floats:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"expected a non-empty list of numbers, got shape {sample.shape}")
    if np.isnan(sample).any():
        raise ValueError("blanks are not values: drop them first")
    return sample


@lru_cache(maxsize=64)  # a study that grows asks for every size up to its last
def _median_ranks(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Draw the ranks of the two middle values of every resample of n sorted values.

    Gives the lower, the upper, and how many of the resamples have these two.
    """
    rng = np.random.default_rng(SEED)
    ranks = np.sort(rng.integers(0, n, size=(RESAMPLES, n)), axis=1)
    middle = ranks[:, [(n - 1) // 2, n // 2]]
    pairs, counts = np.unique(middle, axis=0, return_counts=True)
    return pairs[:, 0], pairs[:, 1], counts
