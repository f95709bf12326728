import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from bench.stats.estimates import (
    CONFIDENCE,
    critical_rank,
    pseudo_medians,
    signed_rank_intervals,
)

# Hamilton depression scale factor IV of nine patients before and after tranquilizer therapy;
# Hollander & Wolfe (1999), Nonparametric Statistical Methods, table 3.1.
BEFORE = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
AFTER = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]

samples = st.lists(st.integers(-1000, 1000), min_size=6, max_size=20)


def rows(values: object) -> np.ndarray:
    return np.array([values], dtype=float)


def limits(values: object, confidence: float = CONFIDENCE) -> list[float]:
    low, high = signed_rank_intervals(rows(values), confidence)
    return [float(low[0]), float(high[0])]


def test_the_example_of_hollander_and_wolfe_gives_their_estimate_and_interval() -> None:
    # Examples 3.2 and 3.3: -0.46, and (-0.786, -0.010) with confidence 96.1%.
    changes = np.subtract(AFTER, BEFORE)
    assert pseudo_medians(rows(changes))[0] == pytest.approx(-0.46, abs=5e-4)
    assert limits(changes) == pytest.approx([-0.786, -0.010], abs=5e-4)


@pytest.mark.parametrize(
    ("n", "rank"), [(5, 0), (6, 1), (7, 3), (8, 4), (9, 6), (10, 9), (20, 53), (25, 90), (50, 435)]
)
def test_the_critical_ranks_are_those_of_the_tables(n: int, rank: int) -> None:
    # Table of the signed-rank test's critical values at 5%, two-sided: Wilcoxon & Wilcox (1964),
    # Some Rapid Approximate Statistical Procedures, T = 0, 2, 3, 5, 8, 52, 89, 434.
    assert critical_rank(n, CONFIDENCE) == rank


@pytest.mark.parametrize("n", [6, 11, 30])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_limits_are_where_the_exact_test_of_scipy_begins_to_reject(
    n: int, confidence: float
) -> None:
    values = np.random.default_rng(n).normal(size=n)
    for limit, outwards in zip(limits(values, confidence), (-1e-9, 1e-9), strict=True):
        outside, inside = (
            wilcoxon(values - limit - shift, method="exact").pvalue
            for shift in (outwards, -outwards)
        )
        assert outside <= 1 - confidence < inside


@pytest.mark.parametrize("n", [300, 1000])
def test_for_many_values_the_rank_is_that_of_the_normal_distribution(n: int) -> None:
    # Hollander & Wolfe, section 3.3: n (n + 1) / 4 - z sqrt(n (n + 1) (2n + 1) / 24).
    normal = n * (n + 1) / 4 - 1.959964 * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    assert critical_rank(n, CONFIDENCE) == pytest.approx(normal, rel=1e-3)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99, 1 - 1 / 512, 1 - 1e-4])
def test_the_normal_approximation_is_hardly_wider_than_the_exact_interval(
    confidence: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = [critical_rank.__wrapped__(n, confidence) for n in (200, 400)]
    monkeypatch.setattr("bench.stats.estimates.MOST_EXACT", 0)
    approximate = [critical_rank.__wrapped__(n, confidence) for n in (200, 400)]
    assert all(a <= e for a, e in zip(approximate, exact, strict=True))
    assert approximate == pytest.approx(exact, rel=0.01)


def test_a_higher_confidence_needs_more_values() -> None:
    assert [critical_rank(n, 1 - 2 / 2**n) for n in range(2, 12)] == [1] * 10  # from min to max
    assert [critical_rank(n - 1, 1 - 2 / 2**n) for n in range(2, 12)] == [0] * 10
    with pytest.raises(ValueError, match="6 values are too few"):
        signed_rank_intervals(np.ones((1, 6)), 0.975)


@pytest.mark.parametrize("n", [6, 15, 40])
def test_nineteen_in_twenty_intervals_contain_the_centre_whatever_the_tails(n: int) -> None:
    low, high = signed_rank_intervals(np.random.default_rng(n).standard_t(2, (4000, n)))
    assert 0.94 < np.mean((low <= 0) & (high >= 0)) < 0.98


@given(samples, st.randoms(use_true_random=False))
def test_neither_order_nor_neighbours_of_a_sample_matter(values: list[int], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = random.sample(values, len(values))
    both = np.array([values, shuffled, [7] * len(values)], dtype=float)
    low, high = signed_rank_intervals(both)
    assert limits(values) == [low[0], high[0]] == [low[1], high[1]]
    assert (low[2], high[2]) == (7, 7)
    assert pseudo_medians(both)[0] == pseudo_medians(both)[1]


@given(samples, st.integers(-1000, 1000), st.sampled_from([-4, -1, 0.5, 8]))
def test_a_shift_moves_the_limits_and_a_factor_scales_them(
    values: list[int], shift: int, factor: float
) -> None:
    moved = factor * np.array(values) + shift
    assert limits(moved) == sorted(factor * limit + shift for limit in limits(values))
    assert pseudo_medians(rows(moved)) == factor * pseudo_medians(rows(values)) + shift


@given(samples)
def test_the_interval_contains_the_pseudo_median_and_stays_among_the_values(
    values: list[int],
) -> None:
    low, high = limits(values)
    assert min(values) <= low <= pseudo_medians(rows(values))[0] <= high <= max(values)
