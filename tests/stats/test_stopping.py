import math
from collections.abc import Callable

import pytest

from bench.stats.estimates import CONFIDENCE, MIN_FOR_INTERVAL, critical_rank
from bench.stats.stopping import (
    confidence_after,
    confidence_after_seeds,
    look_confidence,
    next_look,
    next_seeds,
    seeds_confidence,
)


@pytest.mark.parametrize("rule", [look_confidence, seeds_confidence])
def test_all_looks_together_spend_five_percent(rule: Callable[[int], float]) -> None:
    spent = math.fsum(1 - rule(look) for look in range(1, 10_001))
    assert spent <= 1 - CONFIDENCE + 1e-12
    assert spent == pytest.approx(1 - CONFIDENCE, rel=1e-4)


@pytest.mark.parametrize("rule", [look_confidence, seeds_confidence])
def test_later_looks_never_need_less_confidence(rule: Callable[[int], float]) -> None:
    levels = [rule(look) for look in range(1, 50)]
    assert levels == sorted(levels)
    assert levels[0] > CONFIDENCE and levels[-1] < 1


@pytest.mark.parametrize("n", [6, 7, 10, 20])
def test_every_look_from_six_sets_on_has_an_interval(n: int) -> None:
    for look in range(1, 15):
        assert n >= MIN_FOR_INTERVAL
        assert critical_rank(n, look_confidence(look)) >= 1
        n = next_look(n)


def test_looks_are_half_as_many_sets_apart_and_at_least_four() -> None:
    assert [next_look(n) for n in (1, 2, 6, 9, 10, 100)] == [5, 6, 10, 13, 15, 150]


def test_seeds_grow_by_half_and_by_two_at_least() -> None:
    assert [next_seeds(n) for n in (0, 1, 2, 3, 5, 10)] == [3, 3, 4, 5, 7, 15]


def test_a_number_that_was_fixed_before_has_the_plain_confidence() -> None:
    assert confidence_after(0) == CONFIDENCE
    assert confidence_after(3) == look_confidence(3)
    assert confidence_after_seeds(0) == CONFIDENCE
    assert confidence_after_seeds(3) == seeds_confidence(3) == 0.99


@pytest.mark.parametrize("look", [0, -1])
def test_looks_are_counted_from_one(look: int) -> None:
    with pytest.raises(ValueError, match="from 1"):
        look_confidence(look)
    with pytest.raises(ValueError, match="from 1"):
        seeds_confidence(look)
