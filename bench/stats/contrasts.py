"""Differences between mean accuracies, with intervals that hold for all of them at once.

The accuracies of one seed are hardly alike across cells (r = 0.05 over 175 pairs of our own cells;
why: Jordan (2023), arXiv:2304.01910). Pairing by seed then costs degrees of freedom and gains
nothing, so it is done only where the data call for it. `validation/accuracy_verdicts.py` counts
false calls and found differences of these rules where the truth is known.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc, stdtrit

from bench.stats.dunnett import dunnett_quantile
from bench.stats.estimates import CONFIDENCE, MIN_SEEDS, Estimate, Floats, is_fraction

SEED_LEVEL = 0.01  # of the test whether seeds matter, which decides on pairing
OUTLIER_LEVEL = 0.01  # of the test whether a cell's variance is larger than the others'
STEP = 0.1  # of correlations
SPENT = 5 / 8  # of the level, by intervals that are exact where variances are equal
LEAST_ERROR = 1e-4  # one of 10,000 test images: a flawless cell may err, too
BASELINE_LEVEL = 0.2  # the same for the baseline, whose scatter is in every difference

Method = Literal["Dunnett", "Welch", "paired"]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class MeanDifference:
    """A difference of means, with a simultaneous and an individual interval.

    The first holds for all differences at once, the second for this one alone. `error` is the
    standard error, with `df` degrees of freedom. Limits, error, df and method are None where a
    cell has fewer than three seeds.
    """

    simultaneous: Estimate
    individual: Estimate
    error: float | None = None
    df: int | None = None
    method: Method | None = None


def mean_differences(
    accuracies: Floats,
    weights: ArrayLike,
    confidence: float = CONFIDENCE,
    individual_confidence: float = CONFIDENCE,
) -> list[MeanDifference]:
    """Estimate differences of the cells' means: `accuracies` (seeds, cells), `weights` (k, cells).

    The simultaneous intervals have the `confidence` together, the individual ones
    `individual_confidence` each.

    A missing trial is NaN. A comparison with a baseline has the weights -1 and 1; an effect is the
    average of some cells minus that of others. A cell's variance is relative to that of a count of
    mistakes, see `binomial_variances`; not where a mean lies outside [0, 1], as of other metrics.
    It is

    - paired, if seeds matter by a two-way analysis of variance: what all cells of a seed have
      in common is subtracted first;
    - Dunnett's, if not: pooled over the cells, but those whose variance is an outlier. The
      variance of a difference's own cells counts where it is larger, with degrees of freedom
      between its own and the pool's, because no test finds most unequal variances with three
      seeds;
    - Welch's, for a difference with such an outlier, and for a study of two cells: of its own
      cells, with fewer degrees of freedom.

    Intervals of several cells have 96.875% instead of 95% (`SPENT`), so that in simulated studies
    without a difference 5% at most have a false one: 2 to 3% with equal variances, up to 5% where
    the scatter of one cell or of the baseline is 2 to 5 times as large (three to ten seeds).

    Sources: Dunnett (1955), Journal of the American Statistical Association 50; Welch (1947),
    Biometrika 34; Box, Hunter & Hunter (2005), Statistics for Experimenters, chapter 4.
    """
    rows = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    counts = np.count_nonzero(~np.isnan(accuracies), axis=0)
    is_known = np.array([(counts[row != 0] >= MIN_SEEDS).all() for row in rows], dtype=bool)
    if not is_known.any():
        return [_without_interval(accuracies, row) for row in rows]
    used = (rows[is_known] != 0).any(axis=0)
    known = rows[is_known][:, used]
    baseline = _baseline(known)
    table = _SeedsByCells(accuracies[:, used], baseline)
    correlations = table.correlations(known, baseline)
    independent = (0.0,) * len(known)
    estimates = iter(
        table.difference(
            row,
            independent if is_own else correlations,
            confidence,
            individual_confidence,
            is_own=is_own,
        )
        for row in known
        for is_own in [table.needs_own_variance(row)]
    )
    return [
        next(estimates) if each else _without_interval(accuracies, row)
        for row, each in zip(rows, is_known, strict=True)
    ]


class _SeedsByCells:
    """The accuracies of cells that have at least three seeds each, and their variances."""

    def __init__(self, accuracies: Floats, baseline: int | None) -> None:
        complete = accuracies[~np.isnan(accuracies).any(axis=1)]
        distinct = _distinct_columns(accuracies)
        cells = accuracies.shape[1]
        self.is_paired = seeds_matter(complete[:, distinct])
        if self.is_paired:
            accuracies = complete - complete.mean(axis=1, keepdims=True) + complete.mean()
        self._accuracies = accuracies
        self.means: Floats = np.nanmean(accuracies, axis=0)
        self.counts = np.count_nonzero(~np.isnan(accuracies), axis=0)
        is_binomial = is_fraction(self.means) and not self.is_paired
        self._scales = binomial_variances(self.means) if is_binomial else np.ones(cells)
        self._variances: Floats = np.nanvar(accuracies, axis=0, ddof=1) / self._scales
        dfs = (self.counts - 1).astype(np.float64)
        if self.is_paired:  # a seed's mean has taken its share of both
            self._variances = self._variances * cells / (cells - 1)
            dfs = dfs * (cells - 1) / cells
        self._dfs = dfs
        self._is_outlier = outlying_variances(self._variances, dfs)
        others = distinct & ~self._is_outlier
        if baseline is not None and others[baseline] and np.count_nonzero(others) > 2:
            p = _excess_p(self._variances, dfs, baseline, others)
            self._is_outlier[baseline] = p < BASELINE_LEVEL
        pool = distinct & ~self._is_outlier
        self._pooled_df = float(dfs[pool].sum())
        self._pooled = float(dfs[pool] @ self._variances[pool] / self._pooled_df)

    def correlations(self, weights: Floats, baseline: int | None) -> tuple[float, ...]:
        """Return each difference's correlation with the baseline, 0 without one, rounded down.

        A smaller correlation has a larger quantile, independent differences the largest: Šidák
        (1967), Journal of the American Statistical Association 62. Rounded, few are distinct.
        """
        if baseline is None:
            return (0.0,) * len(weights)
        of_means = self._scales / self.counts
        shared = of_means[baseline]
        exact = np.sqrt(shared / (shared + of_means[weights.argmax(axis=1)]))
        return tuple(sorted(float(x) for x in np.floor(exact / STEP) * STEP))

    def needs_own_variance(self, weights: Floats) -> bool:
        """Return whether a difference can't use the variance of all cells."""
        return len(self.means) == 2 or bool(self._is_outlier[weights != 0].any())

    def difference(
        self,
        weights: Floats,
        correlations: tuple[float, ...],
        confidence: float,
        individual_confidence: float,
        *,
        is_own: bool,
    ) -> MeanDifference:
        """Estimate a difference with its own variance, or the larger of that and the pooled one."""
        value = float(weights @ self.means)
        variance, df = self._own_variance(weights)
        if not is_own:
            pooled = self._pooled * float(np.sum(weights**2 * self._scales / self.counts))
            if variance > pooled:  # the more, the less the degrees of freedom of the pool count
                share = (pooled / variance) ** 3
                df = share * self._pooled_df + (1 - share) * df
            else:
                variance, df = pooled, self._pooled_df
        whole_df = max(1, int(df + 1e-9))
        error = variance**0.5
        n = int(self.counts[weights != 0].min())
        halves = (
            error
            * dunnett_quantile(correlations, _two_digits(whole_df), self._for_all(confidence)),
            error * float(stdtrit(whole_df, (1 + individual_confidence) / 2)),
        )
        simultaneous, individual = (
            Estimate(value, value - half, value + half, n) for half in halves
        )
        method: Method = "paired" if self.is_paired else "Welch" if is_own else "Dunnett"
        return MeanDifference(simultaneous, individual, error, whole_df, method)

    def _for_all(self, confidence: float) -> float:
        """Return the confidence with which several cells keep the level if variances differ."""
        return confidence if len(self.means) == 2 else 1 - SPENT * (1 - confidence)

    def _own_variance(self, weights: Floats) -> tuple[float, float]:
        """Return the variance of a difference from its own cells individual, and its df."""
        if self.is_paired:
            by_seed = self._accuracies @ weights
            return float(by_seed.var(ddof=1) / len(by_seed)), float(len(by_seed) - 1)
        parts = weights**2 * self._scales * self._variances / self.counts
        total = float(parts.sum())
        squares = float(np.sum(parts**2 / self._dfs))
        return total, total**2 / squares if squares else float(self._dfs[weights != 0].sum())


def _two_digits(df: int) -> int:
    """Return degrees of freedom rounded down to two digits, so that few quantiles are needed."""
    unit = int(10 ** max(0, len(str(df)) - 2))
    return df // unit * unit


def binomial_variances(means: Floats) -> Floats:
    """Return p (1 − p) of mean accuracies p: what the variances over seeds are proportional to.

    Over 59 of our own cells with three seeds or more, the logarithm of the variance rises by 1.28
    with that of the error rate, within studies; that of a binomial variance by 1. What is left of
    its scatter is what samples of three to five seeds have by chance. A quasi-binomial model:
    McCullagh & Nelder (1989), Generalized Linear Models, section 4.5.
    """
    errors = np.clip(1 - means, LEAST_ERROR, 1 - LEAST_ERROR)
    return np.asarray(errors * (1 - errors))


def seeds_matter(accuracies: Floats) -> bool:
    """Return whether what the cells of a seed have in common is more than chance, at 1%.

    The F test of the rows in a two-way analysis of variance of (seeds, cells) without blanks.
    Source: Box, Hunter & Hunter (2005), Statistics for Experimenters, section 4.2.
    """
    seeds, cells = accuracies.shape
    if seeds < MIN_SEEDS or cells < 2:
        return False
    by_seed = accuracies.mean(axis=1)
    residuals = accuracies - by_seed[:, None] - accuracies.mean(axis=0) + accuracies.mean()
    between = cells * float(by_seed.var(ddof=1))
    within = float(np.sum(residuals**2)) / ((seeds - 1) * (cells - 1))
    if within <= 0:
        return bool(between > 0)
    p = float(fdtrc(seeds - 1, (seeds - 1) * (cells - 1), between / within))
    return bool(p < SEED_LEVEL)


def outlying_variances(variances: Floats, dfs: Floats) -> Flags:
    """Return which variances are larger than those of the others allow, at 1% over all.

    The largest is tested against the pooled others, and left out if it is an outlier; then the
    next. Two variances have no outlier. Source: 't Lam (2010), Scrutiny of variance results for
    outliers: Cochran's test optimized, Analytica Chimica Acta 659.
    """
    is_outlier = np.zeros(len(variances), dtype=bool)
    while np.count_nonzero(~is_outlier) > 2:
        left = np.flatnonzero(~is_outlier)
        largest = left[np.argmax(variances[left])]
        p = _excess_p(variances, dfs, largest, ~is_outlier)
        if not variances[largest] or len(left) * p >= OUTLIER_LEVEL:
            break
        is_outlier[largest] = True
    return is_outlier


def _excess_p(variances: Floats, dfs: Floats, cell: int, pool: Flags) -> float:
    """Return p of the F test whether a cell's variance is larger than the others' in the pool."""
    others = pool & (np.arange(len(pool)) != cell)
    df = float(dfs[others].sum())
    pooled = float(dfs[others] @ variances[others]) / df
    return float(fdtrc(dfs[cell], df, variances[cell] / pooled)) if pooled > 0 else 0.0


def _distinct_columns(accuracies: Floats) -> Flags:
    """Return which columns differ from all before them; equal ones are no further evidence."""
    columns = [column.tobytes() for column in accuracies.T]
    return np.array([column not in columns[:i] for i, column in enumerate(columns)])


def _baseline(weights: Floats) -> int | None:
    """Return the cell that every difference subtracts from one other cell; None without one."""
    is_pair = (np.count_nonzero(weights, axis=1) == 2) & (weights.max(axis=1) == 1)
    shared = np.flatnonzero((weights == -1).all(axis=0))
    return int(shared[0]) if is_pair.all() and len(shared) else None


def _without_interval(accuracies: Floats, weights: Floats) -> MeanDifference:
    used = weights != 0
    cells = accuracies[:, used]
    n = int(np.count_nonzero(~np.isnan(cells), axis=0).min())
    value = float(np.nanmean(cells, axis=0) @ weights[used]) if n else float("nan")
    return MeanDifference(Estimate(value, None, None, n), Estimate(value, None, None, n))
