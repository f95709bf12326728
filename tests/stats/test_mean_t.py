import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.stats.estimates import mean_t

# Additional hours of sleep under the second drug against the first, ten patients; Student
# (1908), The probable error of a mean, Biometrika 6, p. 20. R's `t.test` on its data set
# `sleep` prints the interval 0.7001142 to 2.4598858.
SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]

samples = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30)


def test_students_own_data_give_the_published_interval() -> None:
    estimate = mean_t(SLEEP)
    assert estimate.value == pytest.approx(1.58)
    assert estimate.low == pytest.approx(0.7001142, abs=1e-7)
    assert estimate.high == pytest.approx(2.4598858, abs=1e-7)
    assert estimate.n == 10


def test_one_value_has_no_interval() -> None:
    estimate = mean_t([0.99])
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (0.99, None, None, 1)


def test_two_values_are_enough_for_a_wide_one() -> None:
    # t(0.975, 1) = 12.7062: NIST/SEMATECH e-Handbook, table of critical values of t.
    estimate = mean_t([1.0, 3.0])
    assert estimate.low == pytest.approx(2 - 12.7062, abs=1e-4)


def test_blanks_are_refused() -> None:
    with pytest.raises(ValueError, match="blanks"):
        mean_t([1.0, float("nan")])


@given(samples)
def test_the_interval_is_that_of_scipy(values: list[float]) -> None:
    estimate = mean_t(values)
    error = stats.sem(values)
    if error == 0:
        assert estimate.low == estimate.high == estimate.value
    else:
        low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), error)
        assert (estimate.low, estimate.high) == pytest.approx((low, high), rel=1e-6, abs=1e-6)
