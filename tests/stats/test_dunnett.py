"""The quantile of Dunnett's simultaneous intervals."""

import numpy as np
import pytest
from scipy.stats import dunnett, t

from bench.stats.dunnett import dunnett_quantile

# Dunnett (1964), New tables for multiple comparisons with a control, Biometrics 20: two-sided 95%,
# groups of equal size, k = 1 … 9.
TABLE = {
    5: [2.57, 3.03, 3.29, 3.48, 3.62, 3.73, 3.82, 3.90, 3.97],
    10: [2.23, 2.57, 2.76, 2.89, 2.99, 3.07, 3.14, 3.19, 3.24],
    20: [2.09, 2.38, 2.54, 2.65, 2.73, 2.80, 2.86, 2.90, 2.95],
    60: [2.00, 2.27, 2.41, 2.51, 2.58, 2.64, 2.69, 2.73, 2.77],
}


@pytest.mark.parametrize("df", TABLE)
def test_quantiles_of_equal_groups_are_those_of_dunnetts_table(df: int) -> None:
    quantiles = [dunnett_quantile((0.5**0.5,) * k, df) for k in range(1, 10)]
    assert quantiles == pytest.approx(TABLE[df], abs=0.006)


@pytest.mark.parametrize(("sizes", "control"), [((3, 3, 3), 3), ((4, 6, 10, 3), 5)])
def test_intervals_of_unequal_groups_are_those_of_scipy(
    sizes: tuple[int, ...], control: int
) -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(size=control)
    others = [rng.normal(size=n) for n in sizes]
    interval = dunnett(*others, control=first, rng=rng).confidence_interval()
    groups = [first, *others]
    df = sum(map(len, groups)) - len(groups)
    deviation = (sum(((g - g.mean()) ** 2).sum() for g in groups) / df) ** 0.5
    halves = (interval.high - interval.low) / 2
    errors = [deviation * (1 / n + 1 / control) ** 0.5 for n in sizes]
    quantile = dunnett_quantile(tuple((n / (n + control)) ** 0.5 for n in sizes), df)
    assert halves / errors == pytest.approx([quantile] * len(sizes), rel=5e-3)  # scipy's is random


@pytest.mark.parametrize("df", [1, 2, 7, 1000])
def test_a_single_difference_has_students_quantile(df: int) -> None:
    assert dunnett_quantile((0.7,), df, 0.9) == pytest.approx(t.ppf(0.95, df))


@pytest.mark.parametrize("df", [2, 4, 40])
def test_independent_differences_lie_between_student_and_bonferroni(df: int) -> None:
    shared, independent = (dunnett_quantile((c,) * 8, df) for c in (0.7, 0.0))
    assert t.ppf(0.975, df) < shared < independent < t.ppf(1 - 0.025 / 8, df)


def test_simulated_maxima_exceed_the_quantile_in_five_of_a_hundred() -> None:
    rng = np.random.default_rng(0)
    correlations, df, size = (0.3, 0.7, 0.9), 3, 200_000
    loadings = np.array(correlations)
    own, common = rng.normal(size=(size, 3)), rng.normal(size=(size, 1))
    scale = np.sqrt(rng.chisquare(df, size) / df)
    maxima = np.abs(own * np.sqrt(1 - loadings**2) + common * loadings).max(axis=1) / scale
    assert np.mean(maxima > dunnett_quantile(correlations, df)) == pytest.approx(0.05, abs=0.002)


def test_no_difference_and_no_degree_of_freedom_are_refused() -> None:
    for correlations, df in (((), 5), ((0.5,), 0)):
        with pytest.raises(ValueError, match="expected"):
            dunnett_quantile(correlations, df)
