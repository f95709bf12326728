"""Six timing sets first, then as many as fit the budget, which the first six alone decide."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bench.records import BlockRow
from bench.study.timing_sets import SetPart, sets_wanted

Planned = Callable[..., Any]

TEXT = "name: x\nbase: {batch_size: 1}\naxes: {batch_size: [1, 2]}\n"


@pytest.fixture
def plan(planned: Planned) -> Any:
    return planned(f"{TEXT}timing: {{budget: 100s}}")


def done(plan: Any, walls_s: list[float], passes_s: float = 0.0) -> dict[SetPart, BlockRow]:
    """Make sets of the baseline, its control and another cell that took so long each."""
    baseline, other = plan.timed
    members = [(baseline, "planned"), (baseline, "twin"), (other, "planned")]
    return {
        SetPart(cell.cell_id, role, number): BlockRow(  # type: ignore[arg-type]
            block=number,
            role=role,  # type: ignore[arg-type]
            status="ok",
            wall_s=wall_s,
            passes_s=passes_s,
        )
        for number, wall_s in enumerate(walls_s)
        for cell, role in members
    }


def wanted(plan: Any, parts: Mapping[SetPart, BlockRow]) -> int:
    return sets_wanted(plan.study, plan.cells, parts)


@pytest.mark.parametrize("there", range(6))
def test_until_six_are_there_six_are_wanted(plan: Any, there: int) -> None:
    assert wanted(plan, done(plan, [0.001] * there)) == 6


def test_then_as_many_are_wanted_as_fit_the_rest_of_the_budget(plan: Any) -> None:
    # Six sets of 3 × 2 s leave 64 s, enough for ten more.
    assert wanted(plan, done(plan, [2.0] * 6)) == 6 + 10


def test_later_sets_need_no_time_for_passes(plan: Any) -> None:
    # Without passes a set takes 3 × 1 s: of the 64 s, 21 fit.
    assert wanted(plan, done(plan, [2.0] * 6, passes_s=1.0)) == 6 + 21


def test_sets_that_use_the_budget_up_are_not_followed_by_others(plan: Any) -> None:
    assert wanted(plan, done(plan, [100.0] * 6)) == 6


def test_the_duration_of_a_set_is_the_median(plan: Any) -> None:
    # One slow set costs its 3 × 8 s, and is no measure for those to come: 46 s are left.
    assert wanted(plan, done(plan, [8.0, 2.0, 2.0, 2.0, 2.0, 2.0])) == 6 + 7


def test_sets_after_the_sixth_do_not_change_the_number(plan: Any) -> None:
    first = done(plan, [2.0] * 6)
    for later in ([50.0], [0.001] * 3, [2.0] * 10, [9.0] * 30):
        assert wanted(plan, done(plan, [2.0] * 6 + later)) == wanted(plan, first)


def test_the_order_in_which_sets_are_known_does_not_change_the_number(plan: Any) -> None:
    parts = done(plan, [1.0, 2.0, 3.0, 4.0, 5.0, 1.0, 9.0, 9.0])
    assert wanted(plan, dict(reversed(parts.items()))) == wanted(plan, parts)


def test_a_cell_with_fewer_than_six_sets_keeps_it_at_six(plan: Any) -> None:
    other = plan.timed[1].cell_id
    parts = done(plan, [0.5] * 12)
    fewer = {p: row for p, row in parts.items() if p.cell_id != other or p.block < 5}
    assert wanted(plan, fewer) == 6


def test_a_fixed_number_of_sets_ignores_the_budget(planned: Planned) -> None:
    plan = planned(f"{TEXT}timing: {{sets: 3, budget: 1h}}")
    assert wanted(plan, {}) == 3
    assert wanted(plan, done(plan, [0.001] * 6)) == 3


def test_without_timing_none_are_wanted(planned: Planned) -> None:
    plan = planned(f"{TEXT}timing: off")
    assert wanted(plan, {}) == 0


def test_a_set_without_a_known_duration_is_no_division_by_zero(plan: Any) -> None:
    assert wanted(plan, done(plan, [0.0] * 6)) > 6
