"""The front holds what no other point beats in both, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.pareto import pareto_front

# Few values, so that equals are common.
NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6))
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40)


def dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """The definition, word by word: (gain, cost)."""
    return one[0] >= other[0] and one[1] <= other[1] and one != other


@given(POINTS)
def test_the_front_is_what_nothing_dominates(points: list[tuple[float, float]]) -> None:
    gains, costs = zip(*points, strict=True)
    expected = [not any(dominates(other, point) for other in points) for point in points]
    assert pareto_front(gains, costs).tolist() == expected


@given(POINTS)
def test_there_is_always_a_front(points: list[tuple[float, float]]) -> None:
    gains, costs = zip(*points, strict=True)
    assert pareto_front(gains, costs).any()


@given(POINTS, st.randoms())
def test_the_order_of_the_points_does_not_matter(
    points: list[tuple[float, float]], chance: "np.random.RandomState"
) -> None:
    order = list(range(len(points)))
    chance.shuffle(order)
    straight = pareto_front(*zip(*points, strict=True))
    mixed = pareto_front(*zip(*(points[i] for i in order), strict=True))
    assert mixed.tolist() == straight[order].tolist()


@given(POINTS)
def test_what_is_dominated_can_go_without_a_change(points: list[tuple[float, float]]) -> None:
    front = pareto_front(*zip(*points, strict=True))
    left = [point for point, kept in zip(points, front, strict=True) if kept]
    assert pareto_front(*zip(*left, strict=True)).all()


def test_of_equal_gains_the_cheapest_stays_and_of_equal_costs_the_best() -> None:
    assert pareto_front([98, 98, 99, 97], [1, 2, 3, 1]).tolist() == [True, False, True, False]


def test_equals_are_on_the_front_together() -> None:
    assert pareto_front([98, 98, 97], [1, 1, 5]).tolist() == [True, True, False]


def test_a_blank_is_on_no_front_and_beats_nothing() -> None:
    blank = float("nan")
    assert pareto_front([blank, 98, 99], [0, 2, blank]).tolist() == [False, True, False]
    assert pareto_front([], []).tolist() == []
    assert not pareto_front([blank], [blank]).any()


def test_an_infinite_cost_is_the_worst() -> None:
    assert pareto_front([98, 98, 99], [1, np.inf, np.inf]).tolist() == [True, False, True]


def test_gains_and_costs_must_be_of_the_same_points() -> None:
    with pytest.raises(ValueError, match="as many gains as costs"):
        pareto_front([1, 2], [1])
