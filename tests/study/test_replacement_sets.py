"""Sets in which the machine was disturbed are timed again, whatever they gave."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.study.runs import Run
from bench.study.timing_sets import SetPart

TEXT = "name: x\nbase: {batch_size: 1}\naxes: {batch_size: [1, 2, 3]}\ntiming: {sets: 2}\n"


@pytest.fixture
def plan(planned: Callable[..., Any]) -> Any:
    return planned(TEXT)


def timed(runs: list[Run]) -> list[SetPart]:
    return [SetPart(run.cell.cell_id, run.role, run.block) for run in runs]


def without(runs: list[Run], size: int, role: str = "planned") -> list[SetPart]:
    """Leave one part of set 0 out."""
    part = (0, size, role)
    kept = [r for r in runs if (r.block, r.cell.batch_size, r.role) != part]
    return timed(kept)


def parts(runs: list[Run]) -> list[tuple[int, int, str]]:
    return sorted((run.block, run.cell.batch_size, run.role) for run in runs)


def test_without_disturbed_sets_nothing_is_replaced(plan: Any) -> None:
    done = timed(plan.set_runs())
    assert plan.replacement_runs(done, done, 2) == []


def test_a_disturbed_cell_is_timed_again_with_baseline_and_control(plan: Any) -> None:
    runs = plan.set_runs()
    again = plan.replacement_runs(timed(runs), without(runs, 3), 2)
    assert parts(again) == [(2, 1, "planned"), (2, 1, "twin"), (2, 3, "planned")]


@pytest.mark.parametrize("role", ["planned", "twin"])
def test_a_disturbed_baseline_invalidates_the_set_for_every_cell(plan: Any, role: str) -> None:
    runs = plan.set_runs()
    again = plan.replacement_runs(timed(runs), without(runs, 1, role), 7)
    assert parts(again) == [
        (7, 1, "planned"), (7, 1, "twin"), (7, 2, "planned"), (7, 3, "planned"),
    ]  # fmt: skip


def test_a_cell_whose_sets_failed_is_not_timed_again(plan: Any) -> None:
    runs = plan.set_runs()
    done = without(runs, 3)  # failed, not disturbed
    assert plan.replacement_runs(done, done, 2) == []


def test_without_timing_there_is_nothing_to_replace(planned: Callable[..., Any]) -> None:
    assert planned("name: x\ntiming: off\n").replacement_runs([], [], 0) == []
