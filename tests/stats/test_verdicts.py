import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.stats.estimates import MIN_FOR_INTERVAL, Estimate, paired_ratio
from bench.stats.verdicts import MOST_FURTHER_SETS, further_sets, noise_floor, verdict

floors = st.floats(0.01, 0.4)
beyond = st.lists(st.floats(1.0001, 3), min_size=3, max_size=3)
ratios = st.lists(st.floats(0.3, 3), min_size=3, max_size=3).map(
    lambda three: interval(*sorted(three))
)


def interval(low: float, value: float, high: float, n: int = 12) -> Estimate:
    return Estimate(value, low, high, n)


def swapped(ratio: Estimate) -> Estimate:
    assert ratio.low is not None and ratio.high is not None
    return Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low, ratio.n)


def after(ratio: Estimate, blocks: int) -> Estimate:
    """Shrink the interval in the log scale to what `blocks` blocks would leave of it."""
    assert ratio.low is not None and ratio.high is not None
    shrink = (ratio.n / blocks) ** 0.5
    low, high = ((limit / ratio.value) ** shrink for limit in (ratio.low, ratio.high))
    return Estimate(ratio.value, ratio.value * low, ratio.value * high, blocks)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1.06, 1.20, "REGRESSED"),
        (1.05, 1.20, "INCONCLUSIVE"),  # on the border is not beyond it
        (0.80, 0.94, "IMPROVED"),
        (0.80, 0.95, "INCONCLUSIVE"),
        (0.97, 1.03, "EQUIVALENT"),
        (0.96, 1.03, "INCONCLUSIVE"),
        (0.97, 1.04, "INCONCLUSIVE"),
        (0.80, 1.20, "INCONCLUSIVE"),
        (1.01, 1.02, "EQUIVALENT"),  # surely slower, and by less than the noise floor
    ],
)
def test_the_interval_is_held_against_both_borders(low: float, high: float, expected: str) -> None:
    assert verdict(interval(low, (low + high) / 2, high), 0.05) == expected


@pytest.mark.parametrize("floor", [0.005, 0.03, 0.4])
def test_no_noise_widens_what_is_equivalent(floor: float) -> None:
    assert verdict(interval(0.98, 1.0, 1.029), floor) == "EQUIVALENT"
    assert verdict(interval(0.98, 1.0, 1.031), floor) == "INCONCLUSIVE"
    assert verdict(interval(0.98, 1.0, 1.031), floor, margin=0.04) == "EQUIVALENT"


def test_a_change_within_the_margin_is_a_change() -> None:
    assert verdict(interval(1.006, 1.01, 1.02), 0.005) == "REGRESSED"
    assert verdict(interval(0.98, 0.99, 0.994), 0.005) == "IMPROVED"


def test_between_margin_and_floor_no_blocks_decide() -> None:
    assert verdict(interval(1.2, 1.25, 1.3), 0.4) == "INCONCLUSIVE"
    assert further_sets(interval(1.2, 1.25, 1.3), 0.4) is None  # blocks don't lower the floor


def test_without_an_interval_nothing_is_concluded() -> None:
    assert verdict(Estimate(7.0, None, None, 5), 0.02) == "INCONCLUSIVE"


def test_a_target_that_is_no_longer_reached_is_a_regression() -> None:
    assert verdict(paired_ratio([math.inf] * 6), 0.02) == "REGRESSED"
    assert verdict(paired_ratio([-math.inf] * 6), 0.02) == "IMPROVED"


@given(beyond, floors)
def test_what_improved_has_regressed_when_the_sides_are_swapped(
    factors: list[float], floor: float
) -> None:
    ratio = interval(*((1 - floor) / factor for factor in sorted(factors, reverse=True)))
    assert verdict(ratio, floor) == "IMPROVED"
    assert verdict(swapped(ratio), floor) == "REGRESSED"


@given(beyond, floors)
def test_what_regressed_has_improved_when_the_borders_are_swapped_too(
    factors: list[float], floor: float
) -> None:
    ratio = interval(*((1 + floor) * factor for factor in sorted(factors)))
    assert verdict(ratio, floor) == "REGRESSED"
    # 1 / (1 + floor) is nearer to 1 than 1 - floor: the two borders are no mirror images.
    assert verdict(swapped(ratio), floor / (1 + floor)) == "IMPROVED"


@given(ratios, floors, floors)
def test_a_higher_floor_takes_back_changes_and_keeps_equivalence(
    ratio: Estimate, one: float, two: float
) -> None:
    strict, lenient = (verdict(ratio, floor) for floor in sorted((one, two)))
    if lenient in ("REGRESSED", "IMPROVED"):
        assert strict == lenient
    if strict == "EQUIVALENT":
        assert lenient == "EQUIVALENT"


def test_no_change_is_called_one_less_often_than_its_interval_alone_would() -> None:
    rng = np.random.default_rng(20)
    floor = noise_floor(rng.normal(0, 0.05, 200), 8)
    ratios = [paired_ratio(noise) for noise in rng.normal(0, 0.05, (2000, 8))]

    def called(verdicts: list[str]) -> float:
        return sum(one in ("REGRESSED", "IMPROVED") for one in verdicts) / len(ratios)

    assert called([verdict(ratio, floor) for ratio in ratios]) <= 0.025
    assert called([verdict(ratio, 0) for ratio in ratios]) > 0.025


@pytest.mark.parametrize(
    ("ratio", "floor"),
    [
        (Estimate(math.nan, None, None, 3), 0.02),
        (interval(-1.0, 1.0, 2.0), 0.02),
        (interval(0.9, 1.0, math.nan), 0.02),
        (interval(0.9, 1.0, 1.1), math.nan),
        (interval(0.9, 1.0, 1.1), -0.02),
    ],
)
def test_what_is_no_ratio_or_no_floor_is_refused(ratio: Estimate, floor: float) -> None:
    with pytest.raises(ValueError):
        verdict(ratio, floor)
    with pytest.raises(ValueError):
        further_sets(ratio, floor)


@pytest.mark.parametrize("margin", [math.nan, -0.02])
def test_what_is_no_margin_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        verdict(interval(0.9, 1.0, 1.1), 0.02, margin)


def test_an_interval_twice_too_wide_requests_four_times_the_blocks() -> None:
    border = math.log(1.05)
    above = interval(1.05 / math.exp(0.1), 1.05 * math.exp(0.1), 1.05 * math.exp(0.3), n=10)
    assert further_sets(above, 0.05) in (30, 31)  # 31 to be past the border itself
    within = interval(math.exp(-0.02), 1.0, math.exp(2 * border), n=10)
    assert further_sets(within, 0.02, margin=0.05) in (30, 31)


def test_the_nearer_of_two_decisions_counts() -> None:
    # 1.02 can be shown to be a change above 0.5%, or to be less than 3%.
    ratio = interval(0.98, 1.02, 1.06)
    needed = further_sets(ratio, 0.005)
    change, equivalence = further_sets(ratio, 0.005, margin=0), further_sets(ratio, 0.02)
    assert change is not None and equivalence is not None
    assert needed == min(change, equivalence) == change


@given(ratios, floors)
def test_the_blocks_requested_decide_and_two_fewer_do_not(ratio: Estimate, floor: float) -> None:
    more = further_sets(ratio, floor)
    if verdict(ratio, floor) != "INCONCLUSIVE":
        assert more == 0
        return
    assume(more is not None)
    assert more is not None and 1 <= more <= MOST_FURTHER_SETS
    assert verdict(after(ratio, ratio.n + more + 1), floor) != "INCONCLUSIVE"
    if more > 2:
        assert verdict(after(ratio, ratio.n + more - 2), floor) == "INCONCLUSIVE"


@pytest.mark.parametrize("n", [1, 3, 5])
def test_without_an_interval_the_first_thing_missing_is_one(n: int) -> None:
    assert further_sets(Estimate(1.5, None, None, n), 0.02) == MIN_FOR_INTERVAL - n


@pytest.mark.parametrize("value", [1.05, 1.0501, 1.0499])
def test_a_ratio_on_or_all_but_on_the_border_cannot_be_decided(value: float) -> None:
    assert further_sets(interval(0.9, value, 1.2), 0.05, margin=0.05) is None


def test_an_interval_without_end_cannot_be_shrunk() -> None:
    assert further_sets(interval(1.0, math.inf, math.inf), 0.05) is None
    assert further_sets(interval(0.9, 1.0, math.inf), 0.05) is None
    assert further_sets(interval(0.0, 0.0, 2.0), 0.05) is None
