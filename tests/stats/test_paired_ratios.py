import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from bench.stats.estimates import RESAMPLES, Estimate, paired_ratio, unpaired_ratio

times = st.floats(1e-3, 1e3)
sessions = st.lists(times, min_size=6, max_size=20)
pairs = st.lists(st.tuples(times, times), min_size=6, max_size=20)


def d(pairs: list[tuple[float, float]]) -> list[float]:
    return [math.log(b / a) for a, b in pairs]


def limits(ratio: Estimate) -> list[float]:
    assert ratio.low is not None and ratio.high is not None
    return [ratio.low, ratio.value, ratio.high]


def test_the_limits_are_walsh_averages_of_the_log_ratios() -> None:
    # Of nine values the sixth from either end, as P(T+ <= 5) = 10/512 and P(T+ <= 6) = 14/512:
    # Hollander & Wolfe (1999), Nonparametric Statistical Methods, sections 3.1 to 3.3.
    logs = np.log([0.80, 0.91, 0.97, 1.04, 1.10, 1.22, 1.31, 1.44, 1.60])
    averages = sorted((a + b) / 2 for i, a in enumerate(logs) for b in logs[i:])
    expected = np.exp([averages[5], averages[22], averages[-6]])
    assert limits(paired_ratio(logs)) == pytest.approx(list(expected))


def test_twice_as_slow_in_every_block_is_a_ratio_of_two_without_spread() -> None:
    assert limits(paired_ratio(d([(t, 2 * t) for t in range(1, 8)]))) == pytest.approx([2, 2, 2])


@settings(deadline=None, max_examples=40)
@given(pairs, st.sampled_from([0.25, 8.0, 1024.0]))
def test_another_unit_of_time_changes_nothing(pairs: list, factor: float) -> None:  # type: ignore[type-arg]
    scaled = [(factor * a, factor * b) for a, b in pairs]
    assert paired_ratio(d(scaled)) == paired_ratio(d(pairs))
    baseline, other = zip(*pairs, strict=True)
    scaled_sides = [factor * np.array(side) for side in (baseline, other)]
    assert unpaired_ratio(*scaled_sides) == unpaired_ratio(baseline, other)


@settings(deadline=None, max_examples=40)
@given(pairs)
def test_swapping_the_sides_inverts_the_ratio(pairs: list) -> None:  # type: ignore[type-arg]
    here, there = paired_ratio(d(pairs)), paired_ratio([-x for x in d(pairs)])
    assert here.value * there.value == pytest.approx(1)
    baseline, other = zip(*pairs, strict=True)
    forth, back = unpaired_ratio(baseline, other), unpaired_ratio(other, baseline)
    assert forth.value * back.value == pytest.approx(1)


@settings(deadline=None, max_examples=40)
@given(pairs)
def test_swapping_the_sides_swaps_the_limits(pairs: list) -> None:  # type: ignore[type-arg]
    here, there = limits(paired_ratio(d(pairs))), limits(paired_ratio([-x for x in d(pairs)]))
    assert here == pytest.approx([1 / x for x in reversed(there)])


def test_a_higher_confidence_widens_the_interval_or_takes_it_away() -> None:
    logs = [0.0, 0.1, 0.2, 0.3, 0.5, 0.9, 1.4]
    narrow, wide = (limits(paired_ratio(logs, confidence)) for confidence in (0.95, 0.98))
    assert wide == pytest.approx([1.0, narrow[1], math.exp(1.4)])  # from min to max
    assert wide[0] < narrow[0] and narrow[2] < wide[2]
    assert paired_ratio(logs, 0.99) == Estimate(narrow[1], None, None, 7)


def test_below_six_blocks_there_is_a_ratio_without_an_interval() -> None:
    assert paired_ratio([math.log(2)] * 5) == Estimate(pytest.approx(2), None, None, 5)
    assert unpaired_ratio([1.0] * 5, [3.0] * 9) == Estimate(3, None, None, 5)
    assert unpaired_ratio([1.0] * 9, [3.0] * 5) == Estimate(3, None, None, 5)


def test_a_target_missed_in_most_blocks_makes_an_infinite_ratio() -> None:
    missed = paired_ratio([0.0, 0.1, math.inf, math.inf, math.inf, math.inf])
    assert (missed.value, missed.low, missed.high) == (math.inf, 1, math.inf)
    apart = unpaired_ratio([1.0] * 6, [2.0, 2.0, math.inf, math.inf, math.inf, math.inf])
    assert (apart.value, apart.low, apart.high) == (math.inf, 2, math.inf)


def test_a_target_missed_in_a_few_blocks_leaves_the_ratio_finite() -> None:
    missed = paired_ratio([0.0] * 9 + [-math.inf])
    assert (missed.value, missed.low, missed.high) == (1, 0, 1)


def test_two_sessions_are_resampled_apart_from_each_other() -> None:
    # Resampled together, a session against itself would show no spread at all.
    session = list(range(10, 22))
    low, value, high = limits(unpaired_ratio(session, session))
    assert value == 1
    assert low < 0.9 and high > 1.1


def test_the_interval_of_two_sessions_is_about_that_of_scipy() -> None:
    rng = np.random.default_rng(5)
    baseline, other = rng.lognormal(0, 0.1, 25), rng.lognormal(0.3, 0.2, 30)
    theirs = bootstrap(
        (baseline, other),
        lambda a, b, axis: np.median(b, axis=axis) / np.median(a, axis=axis),
        n_resamples=RESAMPLES,
        method="percentile",
        random_state=np.random.default_rng(6),
    ).confidence_interval
    low, _, high = limits(unpaired_ratio(baseline, other))
    assert (low, high) == pytest.approx((theirs.low, theirs.high), rel=0.01)


@settings(deadline=None, max_examples=40)
@given(sessions, sessions, st.randoms(use_true_random=False))
def test_the_order_of_a_session_does_not_matter(a: list[float], b: list[float], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = random.sample(a, len(a)), random.sample(b, len(b))
    assert unpaired_ratio(*shuffled) == unpaired_ratio(a, b)


@pytest.mark.parametrize(
    "log_ratios", [[], [0.1, math.nan], [[0.1, 0.2]], [0.1, math.inf, -math.inf]]
)
def test_what_makes_no_ratio_is_refused(log_ratios: list[float]) -> None:
    with pytest.raises(ValueError):
        paired_ratio(log_ratios)


@pytest.mark.parametrize("times", [[], [1.0, 0.0], [1.0, -2.0], [1.0, math.nan], [[1.0]]])
def test_what_is_no_time_is_refused_on_either_side(times: list[float]) -> None:
    with pytest.raises(ValueError):
        unpaired_ratio(times, [1.0])
    with pytest.raises(ValueError):
        unpaired_ratio([1.0], times)


def test_targets_missed_in_both_sessions_make_no_ratio() -> None:
    with pytest.raises(ValueError, match="both sides"):
        unpaired_ratio([1.0, math.inf], [math.inf, 2.0])
