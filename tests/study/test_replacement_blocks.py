"""Blocks in which the machine was disturbed are timed again, whatever they gave."""

from collections.abc import Callable

import pytest

from bench.study.runs import Plan, Run
from bench.study.timing_blocks import Timed, block_runs, replacement_runs

TEXT = "name: x\nbase: {batch_size: 1}\naxes: {batch_size: [1, 2, 3]}\ntiming: {blocks: 2}\n"


@pytest.fixture
def plan(planned: Callable[..., Plan]) -> Plan:
    return planned(TEXT)


def timed(runs: list[Run]) -> list[Timed]:
    return [Timed(run.cell.cell_id, run.role, run.block) for run in runs]


def without(runs: list[Run], size: int, role: str = "planned") -> list[Timed]:
    """Leave one part of block 0 out."""
    part = (0, size, role)
    kept = [r for r in runs if (r.block, r.cell.batch_size, r.role) != part]
    return timed(kept)


def parts(runs: list[Run]) -> list[tuple[int, int, str]]:
    return sorted((run.block, run.cell.batch_size, run.role) for run in runs)


def test_nothing_disturbed_replaces_nothing(plan: Plan) -> None:
    done = timed(block_runs(plan, [], []))
    assert replacement_runs(plan, done, done, 2) == []


def test_a_disturbed_cell_is_timed_again_beside_the_baseline_and_its_twin(plan: Plan) -> None:
    runs = block_runs(plan, [], [])
    again = replacement_runs(plan, timed(runs), without(runs, 3), 2)
    assert parts(again) == [(2, 1, "planned"), (2, 1, "twin"), (2, 3, "planned")]


@pytest.mark.parametrize("role", ["planned", "twin"])
def test_a_disturbed_baseline_spoils_the_block_for_every_cell(plan: Plan, role: str) -> None:
    runs = block_runs(plan, [], [])
    again = replacement_runs(plan, timed(runs), without(runs, 1, role), 7)
    assert parts(again) == [
        (7, 1, "planned"), (7, 1, "twin"), (7, 2, "planned"), (7, 3, "planned"),
    ]  # fmt: skip


def test_a_cell_whose_blocks_failed_is_not_timed_again(plan: Plan) -> None:
    runs = block_runs(plan, [], [])
    done = without(runs, 3)  # failed, not disturbed
    assert replacement_runs(plan, done, done, 2) == []


def test_without_timing_there_is_nothing_to_replace(planned: Callable[..., Plan]) -> None:
    assert replacement_runs(planned("name: x\ntiming: off\n"), [], [], 0) == []
