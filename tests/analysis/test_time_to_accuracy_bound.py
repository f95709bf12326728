import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.stats.estimates import mean_bounds

# Additional hours of sleep under the second drug against the first, ten patients; Student
# (1908), The probable error of a mean, Biometrika 6, p. 20: mean 1.58, s = 1.2299548.
SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]

samples = st.lists(st.floats(0.5, 1), min_size=3, max_size=30)


def test_students_own_data_give_the_bound_of_the_published_table() -> None:
    # t(0.95, 9) = 1.833: NIST/SEMATECH e-Handbook, 1.3.6.7.2.
    bounds = mean_bounds([hours / 10 for hours in SLEEP])
    half = 1.833 * 0.12299548 / 10**0.5
    assert bounds == pytest.approx((0.158 - half, 0.158 + half), abs=3e-5)


def test_three_seeds_by_hand() -> None:
    # s = 0.001; t(0.95, 2) = 2.920 and t(0.99, 2) = 6.965: NIST/SEMATECH e-Handbook, 1.3.6.7.2.
    error = 0.001 / 3**0.5
    expected = (0.99 - 2.920 * error, 0.99 + 2.920 * error)
    assert mean_bounds([0.989, 0.990, 0.991]) == pytest.approx(expected, abs=1e-6)
    expected = (0.99 - 6.965 * error, 0.99 + 6.965 * error)
    assert mean_bounds([0.989, 0.990, 0.991], 0.99) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("few", [[], [0.99], [0.99, 0.99]])
def test_fewer_than_three_seeds_have_no_bound(few: list[float]) -> None:
    assert mean_bounds(few) is None


def test_the_bounds_are_cut_off_at_0_and_1() -> None:
    assert mean_bounds([0.0, 0.1, 1.0]) == (0, 1)


@given(samples)
def test_the_bounds_are_the_ends_of_a_two_sided_interval_of_90_percent(
    values: list[float],
) -> None:
    error, mean = stats.sem(values), np.mean(values)
    half = stats.t.ppf(0.95, len(values) - 1) * error if error else 0
    assert mean_bounds(values) == pytest.approx(
        (max(mean - half, 0), min(mean + half, 1)), abs=1e-9
    )


@given(st.lists(st.floats(0.5, 0.51), min_size=3, max_size=30), st.floats(0, 0.4))
def test_higher_accuracies_have_a_bound_as_much_higher(values: list[float], more: float) -> None:
    bounds, moved = mean_bounds(values), mean_bounds([value + more for value in values])
    assert bounds is not None and moved is not None
    assert moved[0] == pytest.approx(bounds[0] + more, abs=1e-9)
