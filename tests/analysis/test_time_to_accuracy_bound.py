import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.stats.estimates import mean_lower_bound

# Additional hours of sleep under the second drug against the first, ten patients; Student
# (1908), The probable error of a mean, Biometrika 6, p. 20: mean 1.58, s = 1.2299548.
SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]

samples = st.lists(st.floats(0.5, 1), min_size=3, max_size=30)


def test_students_own_data_give_the_bound_of_the_published_table() -> None:
    # t(0.95, 9) = 1.833: NIST/SEMATECH e-Handbook, 1.3.6.7.2.
    assert mean_lower_bound(SLEEP) == pytest.approx(1.58 - 1.833 * 1.2299548 / 10**0.5, abs=3e-4)


def test_three_seeds_by_hand() -> None:
    # s = 0.001 and t(0.95, 2) = 2.920: NIST/SEMATECH e-Handbook, 1.3.6.7.2.
    expected = 0.99 - 2.920 * 0.001 / 3**0.5
    assert mean_lower_bound([0.989, 0.990, 0.991]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("few", [[], [0.99], [0.99, 0.99]])
def test_fewer_than_three_seeds_have_no_bound(few: list[float]) -> None:
    assert mean_lower_bound(few) is None


def test_the_bound_is_cut_off_at_0() -> None:
    assert mean_lower_bound([0.0, 0.01, 0.9]) == 0


@given(samples)
def test_the_bound_is_the_end_of_a_one_sided_interval(values: list[float]) -> None:
    bound = mean_lower_bound(values)
    error = stats.sem(values)
    expected = np.mean(values) - (stats.t.ppf(0.95, len(values) - 1) * error if error else 0)
    assert bound == pytest.approx(max(expected, 0), abs=1e-9)


@given(samples, st.floats(0, 0.4))
def test_higher_accuracies_have_a_bound_as_much_higher(values: list[float], more: float) -> None:
    lifted = [1 + value for value in values]  # so high that no bound is cut off at 0
    bound, moved = mean_lower_bound(lifted), mean_lower_bound([value + more for value in lifted])
    assert bound is not None and moved is not None
    assert moved == pytest.approx(bound + more, abs=1e-9)
