import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, bootstrap

from bench.stats.estimates import RESAMPLES, SEED, bootstrap_median, median_intervals

# Survival in days of seven treated mice; Efron & Tibshirani (1993), An Introduction to the
# Bootstrap, table 2.1.
MICE = [94, 197, 16, 38, 99, 141, 23]

numbers = st.floats(1e-6, 1e6, allow_nan=False)
samples = st.lists(numbers, min_size=6, max_size=30)


def test_the_interval_has_the_quantiles_of_the_exact_bootstrap_distribution() -> None:
    # Efron (1979), Annals of Statistics 7, section 3: of n = 2m - 1 values, the median of a
    # resample is at most the k-th smallest with probability P(Binomial(n, k/n) >= m).
    n, m = len(MICE), 4
    cumulative = [binom.sf(m - 1, n, k / n) for k in range(1, n + 1)]
    exact = [sorted(MICE)[int(np.searchsorted(cumulative, p))] for p in (0.025, 0.975)]
    estimate = bootstrap_median(MICE)
    assert [estimate.low, estimate.high] == exact == [23, 141]
    assert (estimate.value, estimate.n) == (94, 7)


@pytest.mark.parametrize("n", [6, 7, 12, 25])
def test_the_interval_is_that_of_scipy(n: int) -> None:
    values = np.sort(np.random.default_rng(n).lognormal(size=n))
    theirs = bootstrap(
        (values,),
        np.median,
        n_resamples=RESAMPLES,
        method="percentile",
        random_state=np.random.default_rng(SEED),
    ).confidence_interval
    ours = bootstrap_median(values)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_below_six_values_there_is_no_interval() -> None:
    estimate = bootstrap_median([5.0, 1.0, 2.0, 4.0, 3.0])
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (3.0, None, None, 5)


def test_one_value_has_no_spread() -> None:
    estimate = bootstrap_median([2.5])
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (2.5, None, None, 1)


def test_a_missed_target_takes_part_as_infinity() -> None:
    mostly_missed = bootstrap_median([3.0, 4.0, math.inf, math.inf, math.inf, math.inf])
    assert mostly_missed.value == math.inf
    assert mostly_missed.high == math.inf
    assert mostly_missed.low is not None
    assert not math.isnan(mostly_missed.low)
    rarely_missed = bootstrap_median([1.0, 2.0, 3.0, 4.0, 5.0, math.inf])
    assert rarely_missed.value == 3.5


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [[1.0, 2.0], [3.0, 4.0]]])
def test_what_is_no_sample_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError):
        bootstrap_median(values)


def test_rows_taken_together_give_what_each_gives_alone() -> None:
    rows = np.random.default_rng(3).normal(size=(5, 8))
    low, high = median_intervals(rows)
    alone = [bootstrap_median(row) for row in rows]
    assert low.tolist() == [estimate.low for estimate in alone]
    assert high.tolist() == [estimate.high for estimate in alone]


def test_nineteen_in_twenty_intervals_hold_the_true_median() -> None:
    rows = np.random.default_rng(11).lognormal(size=(2000, 15))  # the true median is 1
    low, high = median_intervals(rows)
    assert 0.93 < np.mean((low <= 1) & (high >= 1)) < 0.98


@given(samples)
def test_the_interval_contains_the_median_and_stays_among_the_values(values: list[float]) -> None:
    estimate = bootstrap_median(values)
    assert estimate.low is not None and estimate.high is not None
    assert min(values) <= estimate.low <= estimate.value <= estimate.high <= max(values)


@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_the_values_does_not_matter(values: list[float], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = values.copy()
    random.shuffle(shuffled)
    assert bootstrap_median(shuffled) == bootstrap_median(values)


@given(samples, st.sampled_from([0.25, 2.0, 1024.0]))
def test_another_unit_scales_everything(values: list[float], factor: float) -> None:
    before, after = bootstrap_median(values), bootstrap_median([factor * v for v in values])
    assert before.low is not None and before.high is not None
    scaled = (factor * before.value, factor * before.low, factor * before.high)
    assert (after.value, after.low, after.high) == scaled
