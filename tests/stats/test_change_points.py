"""Steps are found where they are, and none where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.change_points import SHORTEST, change_points

FEW = 0.001  # the level for some fifty benchmarks together


def series(*levels: tuple[int, float], noise: float, seed: int) -> np.ndarray:
    level = np.concatenate([np.full(n, value) for n, value in levels])
    return level * np.exp(np.random.default_rng(seed).normal(0, noise, len(level)))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("at", [10, 15, 20])
def test_a_step_of_a_tenth_among_thirty_is_found_within_two(at: int, seed: int) -> None:
    values = series((at, 1.0), (30 - at, 1.1), noise=0.02, seed=seed)
    (found,) = change_points(values, FEW)
    assert abs(found - at) <= 2


def test_where_nothing_steps_nothing_is_found_as_often_as_promised() -> None:
    noise = np.random.default_rng(1).standard_t(2, (200, 30))  # tails as shared machines have
    alarms = sum(bool(change_points(values, 0.05)) for values in noise)
    assert alarms <= 18  # 10 expected; more than 18 once in a hundred


def test_two_steps_are_two() -> None:
    values = series((15, 1.0), (15, 1.2), (15, 0.9), noise=0.02, seed=3)
    assert change_points(values, FEW) == [15, 30]


@given(st.lists(st.floats(-1e6, 1e6), max_size=2 * SHORTEST - 1))
def test_too_few_numbers_have_no_step(values: list[float]) -> None:
    assert change_points(values, 1.0) == []


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=6, max_size=30), st.integers(1, 3))
def test_only_the_order_of_the_numbers_counts(values: list[int], power: int) -> None:
    stretched = [10.0 + value**power for value in values]
    assert change_points(stretched, 0.05) == change_points(values, 0.05)


def test_equal_numbers_have_no_step() -> None:
    assert change_points(np.ones(30), 0.05) == []


@pytest.mark.parametrize("values", [[1.0, float("nan")], [[1.0], [2.0]], [1.0, float("inf")]])
def test_numbers_that_are_none_are_refused(values: object) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        change_points(values, 0.05)  # type: ignore[arg-type]
