"""Rank tests of two samples, and the correction of their p-values for multiple comparisons."""

from functools import lru_cache
from itertools import combinations
from math import comb, nan

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import mannwhitneyu, rankdata, wilcoxon

from bench.stats.estimates import Floats, checked_sample

MOST_SPLITS = 50_000  # 9 against 9 have 48,620


def mann_whitney(baseline: ArrayLike, other: ArrayLike) -> float:
    """Return the two-sided p of whether one sample tends to be larger; NaN if one is empty.

    Exact without ties. With ties it is exact where at most 50,000 splits have to be enumerated,
    else the normal approximation. Infinite values rank last. Source: Mann & Whitney (1947),
    Annals of Mathematical Statistics 18.
    """
    if np.size(baseline) == 0 or np.size(other) == 0:
        return nan
    first, second = checked_sample(baseline, "values"), checked_sample(other, "values")
    pooled = np.concatenate([first, second])
    if len(np.unique(pooled)) == len(pooled):
        return _exact_p((np.argsort(pooled) < len(first)).tobytes())
    if comb(len(pooled), len(first)) > MOST_SPLITS:
        return float(mannwhitneyu(first, second, method="asymptotic").pvalue)
    return _enumerated_p(*sorted((first, second), key=len))


def signed_rank(log_ratios: ArrayLike) -> float:
    """Return the two-sided p of whether paired values tend to differ; NaN for an empty sample.

    Exact up to 50 values without ties, else the normal approximation; zeros are left out. Source:
    Wilcoxon (1945), Biometrics Bulletin 1.
    """
    if np.size(log_ratios) == 0:
        return nan
    differences = checked_sample(log_ratios, "log ratios")
    return float(wilcoxon(differences).pvalue) if differences.any() else 1.0


def least_p(n: int, *, is_paired: bool) -> float:
    """Return the least two-sided p of n pairs, all of one sign, or of n against n values."""
    return min(1.0, 2 / (2**n if is_paired else comb(2 * n, n)))


def holm(p_values: ArrayLike) -> Floats:
    """Adjust p-values for their number (step-down); blanks stay and don't count.

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


@lru_cache(maxsize=4096)
def _exact_p(is_first: bytes) -> float:
    """Test two samples without ties, of which only the order of the sides counts."""
    ranked = np.frombuffer(is_first, dtype=bool)
    first, second = np.flatnonzero(ranked), np.flatnonzero(~ranked)
    return float(mannwhitneyu(first, second, method="exact").pvalue)


def _enumerated_p(smaller: Floats, larger: Floats) -> float:
    """Compare the smaller sample's rank sum with that of every other split of the ranks."""
    ranks = rankdata(np.concatenate([smaller, larger]))
    splits = np.array(list(combinations(range(len(ranks)), len(smaller))))
    sums, observed = ranks[splits].sum(axis=1), ranks[: len(smaller)].sum()
    tail = min(np.mean(sums <= observed), np.mean(sums >= observed))
    return min(1.0, 2 * float(tail))
