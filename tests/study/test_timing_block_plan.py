"""Blocks are whole: cells are timed side by side with the baseline cell, and it beside itself."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.study.runs import Run
from bench.study.timing_blocks import BlockPart, extra_runs

Planned = Callable[..., Any]
Part = tuple[int, str]  # batch size and role

TEXT = "name: x\nbase: {batch_size: 1}\naxes: {batch_size: [1, 2, 3, 4, 5, 6]}\n"
SIZES = range(1, 7)
WHOLE = Counter([(1, "twin"), *((size, "planned") for size in SIZES)])


def timed(run: Run) -> BlockPart:
    return BlockPart(run.cell.cell_id, run.role, run.block)


def orders(runs: Iterable[Run]) -> dict[int, list[Part]]:
    """List each block's parts in the order in which they run."""
    blocks: dict[int, list[Part]] = {}
    for run in runs:
        blocks.setdefault(run.block, []).append((run.cell.batch_size, run.role))
    return blocks


@pytest.fixture(scope="session")
def plan(planned: Planned) -> Any:
    return planned(f"{TEXT}timing: {{blocks: 4}}")


def without(runs: Iterable[Run], block: int, size: int, role: str) -> set[BlockPart]:
    """What is done when one part of one block was not."""
    return {
        timed(run)
        for run in runs
        if (run.block, run.cell.batch_size, run.role) != (block, size, role)
    }


def test_every_block_times_each_cell_once_and_the_baseline_twice(plan: Any) -> None:
    blocks = orders(plan.block_runs([], []))
    assert list(blocks) == [0, 1, 2, 3]
    assert all(Counter(order) == WHOLE for order in blocks.values())


def test_a_block_is_finished_before_the_next_begins(plan: Any) -> None:
    numbers = [run.block for run in plan.block_runs([], [])]
    assert numbers == sorted(numbers)


def test_each_block_has_an_order_of_its_own(plan: Any) -> None:
    blocks = orders(plan.block_runs([], []))
    assert len({tuple(order) for order in blocks.values()}) == 4


def test_baseline_and_control_alternate_in_order(planned: Planned) -> None:
    blocks = orders(planned(f"{TEXT}timing: {{blocks: 20}}").block_runs([], []))
    first = {order.index((1, "planned")) < order.index((1, "twin")) for order in blocks.values()}
    assert first == {True, False}


def test_the_order_depends_on_the_study_only(planned: Planned, plan: Any) -> None:
    there = orders(plan.block_runs([], []))
    assert orders(planned(f"{TEXT}timing: {{blocks: 4}}").block_runs([], [])) == there
    other = planned(f"{TEXT}timing: {{blocks: 4}}".replace("name: x", "name: y"))
    assert orders(other.block_runs([], [])) != there
    # what Python's random.Random("x 0") gives, on every machine
    sizes = [size for size, role in there[0]]
    assert (sizes, there[0][-1]) == ([1, 3, 5, 4, 6, 2, 1], (1, "twin"))


def test_a_study_of_one_cell_times_it_with_its_control(planned: Planned) -> None:
    blocks = orders(planned("name: x\ntiming: {blocks: 2}").block_runs([], []))
    assert [sorted(order) for order in blocks.values()] == [[(512, "planned"), (512, "twin")]] * 2


def test_where_nothing_is_missing_nothing_is_planned(plan: Any) -> None:
    runs = plan.block_runs([], [])
    assert plan.block_runs({timed(run) for run in runs}, range(4)) == []


@pytest.mark.parametrize("role", ["planned", "twin"])
def test_a_block_without_the_baseline_or_its_control_does_not_count(plan: Any, role: str) -> None:
    done = without(plan.block_runs([], []), 2, 1, role)
    blocks = orders(plan.block_runs(done, range(4)))
    assert list(blocks) == [4]
    assert Counter(blocks[4]) == WHOLE


def test_a_cell_missing_from_a_block_is_timed_in_a_new_one_with_the_baseline(plan: Any) -> None:
    done = without(plan.block_runs([], []), 2, 5, "planned")
    blocks = orders(plan.block_runs(done, range(4)))
    assert list(blocks) == [4]
    assert sorted(blocks[4]) == [(1, "planned"), (1, "twin"), (5, "planned")]


def test_numbers_that_any_outcome_has_are_not_used_again(plan: Any) -> None:
    assert list(orders(plan.block_runs([], [17, 3]))) == [18, 19, 20, 21]


def test_a_new_cell_is_timed_with_the_baseline_only(planned: Planned, plan: Any) -> None:
    done = {timed(run) for run in plan.block_runs([], [])}
    wider = planned(f"{TEXT.replace('5, 6]', '5, 6, 7]')}timing: {{blocks: 4}}")
    blocks = orders(wider.block_runs(done, range(4)))
    assert list(blocks) == [4, 5, 6, 7]
    parts = [(1, "planned"), (1, "twin"), (7, "planned")]
    assert all(sorted(order) == parts for order in blocks.values())


def test_more_blocks_in_the_study_add_only_the_difference(planned: Planned, plan: Any) -> None:
    done = {timed(run) for run in plan.block_runs([], [])}
    more = planned(f"{TEXT}timing: {{blocks: 6}}")
    blocks = orders(more.block_runs(done, range(4)))
    assert list(blocks) == [4, 5]
    assert all(Counter(order) == WHOLE for order in blocks.values())


def test_fewer_blocks_in_the_study_add_nothing(planned: Planned, plan: Any) -> None:
    done = {timed(run) for run in plan.block_runs([], [])}
    assert planned(f"{TEXT}timing: {{blocks: 2}}").block_runs(done, range(4)) == []


def test_extra_blocks_replace_no_planned_one(plan: Any) -> None:
    done = {timed(run) for b in range(4) for run in extra_runs(plan.study, plan.timed, b)}
    assert list(orders(plan.block_runs(done, range(4)))) == [4, 5, 6, 7]


def test_cells_that_this_machine_cannot_run_take_no_part(planned: Planned) -> None:
    text = "name: x\naxes: {device: [cuda, cpu], batch_size: [1, 2]}\ntiming: {blocks: 1}"
    runs = planned(text).block_runs([], [])
    assert [run.cell.device for run in runs] == ["cpu"] * 3


@pytest.mark.parametrize(
    "text", ["timing: off", "base: {device: cuda}\ntiming: {blocks: 2}"], ids=["off", "no device"]
)
def test_where_nothing_can_be_timed_there_are_no_blocks(planned: Planned, text: str) -> None:
    assert planned(f"name: x\n{text}").block_runs([], []) == []


def test_extra_blocks_time_the_named_cells_once_without_a_control(plan: Any) -> None:
    cells = [cell for cell in plan.timed if cell.batch_size in (1, 4)]
    runs = extra_runs(plan.study, cells, 9)
    assert sorted(orders(runs)[9]) == [(1, "extra"), (4, "extra")]
    assert runs == extra_runs(plan.study, cells, 9)


PARTS = st.tuples(st.sampled_from(SIZES), st.sampled_from(["planned", "twin", "extra"]))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    former=st.sets(st.tuples(PARTS, st.integers(0, 8)), max_size=40),
    failed=st.sets(st.integers(0, 12)),
    requested=st.integers(1, 6),
)
def test_nothing_is_missing_after_everything_ran(
    planned: Planned, former: set[tuple[Part, int]], failed: set[int], requested: int
) -> None:
    plan = planned(f"{TEXT}timing: {{blocks: {requested}}}")
    ids = {cell.batch_size: cell.cell_id for cell in plan.cells}
    done = {BlockPart(ids[size], role, block) for (size, role), block in former}  # type: ignore[arg-type]
    used = {block for _, block in former} | failed
    runs = plan.block_runs(done, used)
    assert not {run.block for run in runs} & used
    assert len(runs) <= requested * 7
    after = done | {timed(run) for run in runs}
    assert plan.block_runs(after, used | {run.block for run in runs}) == []
