import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from bench.stats.estimates import tukey_labels

# NIST/SEMATECH e-Handbook of Statistical Methods, 7.1.6, What are outliers in the data?
# https://www.itl.nist.gov/div898/handbook/prc/section1/prc16.htm
NIST = """
30 171 184 201 212 250 265 270 272 289 305 306 322 322 336 346 351 370 390 404 409 411 436 437 439
441 444 448 451 453 470 480 482 487 494 495 499 503 514 521 522 527 548 550 559 560 570 572 574 578
585 592 592 607 616 618 621 629 637 638 640 656 668 707 709 719 737 739 752 758 766 792 792 794 802
818 830 832 843 858 860 869 918 925 953 991 1000 1005 1068 1441
"""

values = st.lists(st.integers(-1000, 1000), min_size=1, max_size=20)


def test_the_handbook_example_has_its_one_mild_outlier() -> None:
    numbers = [float(word) for word in NIST.split()]
    # Its fences, from quartiles by another rule, are -39, 1211 and 1679.75.
    assert dict(zip(numbers, tukey_labels(numbers), strict=True)) == {
        number: "outside" if number == 1441 else "" for number in numbers
    }


def test_of_normal_values_seven_in_a_thousand_are_outside() -> None:
    # Hoaglin, Iglewicz & Tukey (1986), Journal of the American Statistical Association 81: 0.7%.
    normal = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    labels = tukey_labels(normal)
    assert labels.count("outside") / len(labels) == pytest.approx(0.007, abs=2e-4)
    assert labels.count("far out") == 0


# The quartiles of 0, 1, ..., 8 and one value above them are 2.25 and 6.75, the step is 6.75.
@pytest.mark.parametrize(
    ("value", "label"),
    [(13.5, ""), (13.51, "outside"), (20.25, "outside"), (20.26, "far out"), (math.inf, "far out")],
)
def test_the_fences_stand_at_one_and_a_half_and_three_ranges(value: float, label: str) -> None:
    assert tukey_labels([*range(9), value]) == [""] * 9 + [label]
    assert tukey_labels([-value, *(-k for k in range(9))]) == [label] + [""] * 9


def test_where_most_targets_are_missed_the_one_that_was_reached_stands_out() -> None:
    assert tukey_labels([math.inf] * 5 + [3.0]) == [""] * 5 + ["far out"]


@pytest.mark.parametrize("few", [[1.0], [1.0, 1e6], [1.0, 1.0, 1e6]])
def test_of_three_values_none_is_an_outlier(few: list[float]) -> None:
    assert tukey_labels(few) == [""] * len(few)


@given(values)
def test_every_value_keeps_its_place_and_gets_one_label(values: list[int]) -> None:
    labels = tukey_labels(values)
    assert len(labels) == len(values)
    assert set(labels) <= {"", "outside", "far out"}
    assert labels.count("") >= len(values) / 2


@given(values, st.sampled_from([0.25, 8.0, -1.0]), st.integers(-64, 64))
def test_unit_and_origin_do_not_matter(values: list[int], factor: float, origin: int) -> None:
    assert tukey_labels([factor * v + origin for v in values]) == tukey_labels(values)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [[1.0, 2.0]]])
def test_what_is_no_sample_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError):
        tukey_labels(values)
