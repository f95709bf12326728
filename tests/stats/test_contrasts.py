"""Differences of means: pooled, with the cells' own variances, or paired by seed."""

import numpy as np
import pytest
from scipy.stats import dunnett, ttest_ind, ttest_rel

from bench.stats.contrasts import (
    MeanDifference,
    binomial_variances,
    mean_differences,
    outlying_variances,
    seeds_matter,
)
from bench.stats.estimates import Floats


def against_first(cells: int) -> Floats:
    """Return the weights of every other cell against the first."""
    return np.column_stack([np.full(cells - 1, -1.0), np.eye(cells - 1)])


def limits(difference: MeanDifference) -> tuple[float, float]:
    low, high = difference.simultaneous.low, difference.simultaneous.high
    assert low is not None and high is not None
    return low, high


def test_two_cells_are_compared_by_welch() -> None:
    rng = np.random.default_rng(3)
    values = np.column_stack([rng.normal(0.99, 0.001, 5), rng.normal(0.98, 0.004, 5)])
    (difference,) = mean_differences(values, [[-1, 1]])
    # scipy's has fractional degrees of freedom; here they are rounded down.
    welch = ttest_ind(values[:, 1], values[:, 0], equal_var=False)
    interval = welch.confidence_interval()
    assert difference.method == "Welch"
    assert difference.df == int(welch.df)
    low, high = limits(difference)
    assert low <= interval.low < interval.high <= high
    assert difference.simultaneous == difference.individual


def test_several_cells_are_compared_by_dunnett() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(0.99, 0.001, (40, 4))
    differences = mean_differences(values, against_first(4))
    # 5/8 of the 5%: the rest is kept for variances that differ.
    interval = dunnett(*values.T[1:], control=values[:, 0], rng=rng).confidence_interval(0.96875)
    assert {d.method for d in differences} == {"Dunnett"}
    assert {d.df for d in differences} == {4 * 39}
    for difference, low, high in zip(differences, interval.low, interval.high, strict=True):
        own_low, own_high = limits(difference)
        # Where a difference's own variance is larger than the pooled one, it is wider.
        assert own_low <= low + 1e-5 and own_high >= high - 1e-5
        assert own_high - own_low == pytest.approx(high - low, rel=0.15)
    assert any(
        limits(d)[1] == pytest.approx(high, abs=2e-5)
        for d, high in zip(differences, interval.high, strict=True)
    )


def test_variances_are_pooled_relative_to_those_of_counts_of_mistakes() -> None:
    # Half, 2 and 8% of the test images are wrong, and scatter as their numbers do.
    errors = np.array([0.005, 0.02, 0.08])
    unit = np.array([[-1.0], [0.0], [1.0]])  # of variance 1 in every cell
    values = 1 - errors + 0.01 * unit * np.sqrt(errors * (1 - errors))
    first, second = mean_differences(values, against_first(3))
    assert (first.method, second.method) == ("Dunnett", "Dunnett")
    assert first.df == second.df == 3 * 2
    for difference, cell in ((first, 1), (second, 2)):
        both = errors[[0, cell]]
        expected = 0.01 * np.sqrt(np.sum(both * (1 - both)) / 3)
        assert difference.error == pytest.approx(expected)


def test_a_flawless_cell_may_err_too() -> None:
    assert binomial_variances(np.array([1.0, 0.0, 0.5])) == pytest.approx(
        [9.999e-5, 9.999e-5, 0.25]
    )


def test_a_cell_that_scatters_far_more_counts_with_its_own_variance() -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(0, [1, 1, 1, 30], (6, 4))
    methods = [d.method for d in mean_differences(values, against_first(4))]
    assert methods == ["Dunnett", "Dunnett", "Welch"]


def test_a_baseline_that_scatters_far_more_leaves_nothing_to_pool() -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(0, [30, 1, 1, 1], (6, 4))
    assert {d.method for d in mean_differences(values, against_first(4))} == {"Welch"}


def test_seeds_that_matter_are_paired() -> None:
    rng = np.random.default_rng(11)
    seeds = rng.normal(0, 1, (5, 1))
    values = seeds + rng.normal(0, 0.05, (5, 4)) + [0, 0.3, 0, 0]
    differences = mean_differences(values, against_first(4))
    assert {d.method for d in differences} == {"paired"}
    assert max(d.df or 0 for d in differences) == 4 * 3
    assert limits(differences[0])[0] > 0
    unpaired = ttest_ind(values[:, 1], values[:, 0])
    assert unpaired.pvalue > 0.5


def test_two_paired_cells_have_students_paired_interval() -> None:
    rng = np.random.default_rng(13)
    seeds = rng.normal(0, 1, (6, 1))
    values = seeds + rng.normal(0, 0.01, (6, 2))
    (difference,) = mean_differences(values, [[-1, 1]])
    interval = ttest_rel(values[:, 1], values[:, 0]).confidence_interval()
    assert limits(difference) == pytest.approx((interval.low, interval.high))
    assert difference.method == "paired"


def test_what_does_not_fit_a_seed_is_left_out_where_seeds_are_paired() -> None:
    rng = np.random.default_rng(13)
    values = rng.normal(0, 1, (6, 1)) + rng.normal(0, 0.01, (6, 3))
    values[5, 2] = np.nan
    differences = mean_differences(values, against_first(3))
    assert differences == mean_differences(values[:5], against_first(3))


def test_missing_trials_cost_only_their_own_cell_where_seeds_do_not_matter() -> None:
    values = np.random.default_rng(17).normal(0, 1, (8, 3))
    values[3:, 2] = np.nan
    first, second = mean_differences(values, against_first(3))
    assert [first.simultaneous.n, second.simultaneous.n] == [8, 3]
    assert max(first.df or 0, second.df or 0) == 7 + 7 + 2
    assert first.simultaneous.value == pytest.approx(values[:, 1].mean() - values[:, 0].mean())


def test_cells_with_two_seeds_have_a_difference_without_an_interval() -> None:
    values = np.random.default_rng(19).normal(0, 1, (4, 3))
    values[2:, 1] = np.nan
    first, second = mean_differences(values, against_first(3))
    assert first.simultaneous.low is None and first.method is None and first.simultaneous.n == 2
    assert first.simultaneous.value == pytest.approx(values[:2, 1].mean() - values[:, 0].mean())
    assert second == mean_differences(values[:, [0, 2]], [[-1, 1]])[0]


def test_equal_columns_count_once() -> None:
    values = np.random.default_rng(23).normal(0, [0.1, 1, 1], (5, 3))
    doubled = np.column_stack([values, values[:, 2]])
    differences = mean_differences(doubled, against_first(4))
    assert max(d.df or 0 for d in differences) == 3 * 4


def test_only_a_baseline_is_tested_more_strictly() -> None:
    # The first cell's variance is four times the others': p = 0.03, no outlier at 1% over all.
    orders = [[-4, -2, 0, 2, 4], [1, -2, 2, -1, 0], [0, 2, -1, -2, 1], [2, 0, -2, 1, -1]]
    values = np.array(orders, dtype=float).T
    against = [d.method for d in mean_differences(values, against_first(4))]
    effects = mean_differences(values, [[-0.5, -0.5, 0.5, 0.5], [-0.5, 0.5, -0.5, 0.5]])
    assert set(against) == {"Welch"}
    assert {e.method for e in effects} == {"Dunnett"}


def test_an_effect_averages_cells_on_either_side() -> None:
    rng = np.random.default_rng(29)
    values = rng.normal(0, 1, (5, 4)) + np.array([0, 0, 2, 2])
    effects = mean_differences(values, [[-0.5, -0.5, 0.5, 0.5], [-0.5, 0.5, -0.5, 0.5]])
    assert all(4 <= (e.df or 0) <= 4 * 4 for e in effects)
    assert effects[0].simultaneous.value == pytest.approx(
        values[:, 2:].mean() - values[:, :2].mean()
    )
    pooled = (values.var(axis=0, ddof=1).mean() / 5) ** 0.5  # 4 cells · (1/2)² · 1/5
    assert all((e.error or 0) >= pooled - 1e-12 for e in effects)


def test_a_study_without_scatter_has_intervals_without_width() -> None:
    values = np.tile([0.9, 0.9, 0.8], (4, 1))
    assert [limits(d) for d in mean_differences(values, against_first(3))] == [
        (0.0, 0.0),
        pytest.approx((-0.1, -0.1)),
    ]


def test_seeds_matter_only_where_cells_agree_on_them() -> None:
    rng = np.random.default_rng(31)
    assert not seeds_matter(rng.normal(size=(5, 6)))
    assert seeds_matter(rng.normal(size=(5, 1)) + 0.2 * rng.normal(size=(5, 6)))
    assert not seeds_matter(rng.normal(size=(2, 1)) * np.ones((2, 6)))  # two seeds tell nothing
    assert not seeds_matter(np.zeros((5, 6)))
    calls = [seeds_matter(rng.normal(size=(4, 5))) for _ in range(4_000)]
    assert np.mean(calls) == pytest.approx(0.01, abs=0.005)


def test_outlying_variances_are_called_in_one_of_a_hundred_like_samples() -> None:
    rng = np.random.default_rng(37)
    variances = rng.normal(size=(4_000, 4, 6)).var(axis=1, ddof=1)
    calls = [outlying_variances(row, np.full(6, 3.0)).any() for row in variances]
    assert np.mean(calls) == pytest.approx(0.01, abs=0.005)


def test_the_largest_variances_are_left_out_one_by_one() -> None:
    variances = np.array([1.0, 1e6, 1.2, 1e4, 0.8, 1.1])
    dfs = np.full(6, 9.0)
    assert outlying_variances(variances, dfs).tolist() == [False, True, False, True, False, False]
    assert not outlying_variances(np.zeros(4), np.full(4, 2.0)).any()
    assert not outlying_variances(np.array([1.0, 1e9]), np.full(2, 9.0)).any()
