"""In a timing set cells are timed beside the baseline, and the baseline beside itself."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.study.runs import Run
from bench.study.timing_sets import MOST_CELLS, SetPart

Planned = Callable[..., Any]
Part = tuple[int, str]  # batch size and role

TEXT = "name: x\nbase: {batch_size: 1}\naxes: {batch_size: [1, 2, 3, 4, 5, 6]}\n"
SIZES = range(1, 7)
WHOLE = Counter([(1, "twin"), *((size, "planned") for size in SIZES)])


def timed(run: Run) -> SetPart:
    return SetPart(run.cell.cell_id, run.role, run.block)


def orders(runs: Iterable[Run]) -> dict[int, list[Part]]:
    """List each set's parts in the order in which their processes start."""
    sets: dict[int, list[Part]] = {}
    for run in runs:
        sets.setdefault(run.block, []).append((run.cell.batch_size, run.role))
    return sets


@pytest.fixture(scope="session")
def plan(planned: Planned) -> Any:
    return planned(f"{TEXT}timing: {{sets: 4}}")


def without(runs: Iterable[Run], block: int, size: int, role: str) -> set[SetPart]:
    """What is done when one part of one set was not."""
    return {
        timed(run)
        for run in runs
        if (run.block, run.cell.batch_size, run.role) != (block, size, role)
    }


def test_every_set_times_each_cell_once_and_the_baseline_twice(plan: Any) -> None:
    sets = orders(plan.set_runs())
    assert list(sets) == [0, 1, 2, 3]
    assert all(Counter(order) == WHOLE for order in sets.values())


def test_a_set_is_finished_before_the_next_begins(plan: Any) -> None:
    numbers = [run.block for run in plan.set_runs()]
    assert numbers == sorted(numbers)


def test_each_set_has_an_order_of_its_own(plan: Any) -> None:
    sets = orders(plan.set_runs())
    assert len({tuple(order) for order in sets.values()}) == 4


def test_baseline_and_control_alternate_in_order(planned: Planned) -> None:
    sets = orders(planned(f"{TEXT}timing: {{sets: 20}}").set_runs())
    first = {order.index((1, "planned")) < order.index((1, "twin")) for order in sets.values()}
    assert first == {True, False}


def test_the_order_depends_on_the_study_only(planned: Planned, plan: Any) -> None:
    there = orders(plan.set_runs())
    assert orders(planned(f"{TEXT}timing: {{sets: 4}}").set_runs()) == there
    other = planned(f"{TEXT}timing: {{sets: 4}}".replace("name: x", "name: y"))
    assert orders(other.set_runs()) != there
    # what Python's random.Random("x 0") gives, on every machine
    sizes = [size for size, role in there[0]]
    assert (sizes, there[0][-1]) == ([1, 3, 5, 4, 6, 2, 1], (1, "twin"))


def test_a_study_of_one_cell_times_it_with_its_control(planned: Planned) -> None:
    sets = orders(planned("name: x\ntiming: {sets: 2}").set_runs())
    assert [sorted(order) for order in sets.values()] == [[(512, "planned"), (512, "twin")]] * 2


def test_where_nothing_is_missing_nothing_is_planned(plan: Any) -> None:
    runs = plan.set_runs()
    assert plan.set_runs({timed(run) for run in runs}, range(4)) == []


@pytest.mark.parametrize("role", ["planned", "twin"])
def test_a_set_without_the_baseline_or_its_control_does_not_count(plan: Any, role: str) -> None:
    done = without(plan.set_runs(), 2, 1, role)
    sets = orders(plan.set_runs(done, range(4)))
    assert list(sets) == [4]
    assert Counter(sets[4]) == WHOLE


def test_a_cell_missing_from_a_set_is_timed_in_a_new_one_with_the_baseline(plan: Any) -> None:
    done = without(plan.set_runs(), 2, 5, "planned")
    sets = orders(plan.set_runs(done, range(4)))
    assert list(sets) == [4]
    assert sorted(sets[4]) == [(1, "planned"), (1, "twin"), (5, "planned")]


def test_numbers_that_any_outcome_has_are_not_used_again(plan: Any) -> None:
    assert list(orders(plan.set_runs([], [17, 3]))) == [18, 19, 20, 21]


def test_a_new_cell_is_timed_with_the_baseline_only(planned: Planned, plan: Any) -> None:
    done = {timed(run) for run in plan.set_runs()}
    wider = planned(f"{TEXT.replace('5, 6]', '5, 6, 7]')}timing: {{sets: 4}}")
    sets = orders(wider.set_runs(done, range(4)))
    assert list(sets) == [4, 5, 6, 7]
    parts = [(1, "planned"), (1, "twin"), (7, "planned")]
    assert all(sorted(order) == parts for order in sets.values())


def test_more_sets_in_the_study_add_only_the_difference(planned: Planned, plan: Any) -> None:
    done = {timed(run) for run in plan.set_runs()}
    more = planned(f"{TEXT}timing: {{sets: 6}}")
    sets = orders(more.set_runs(done, range(4)))
    assert list(sets) == [4, 5]
    assert all(Counter(order) == WHOLE for order in sets.values())


def test_fewer_sets_in_the_study_add_nothing(planned: Planned, plan: Any) -> None:
    done = {timed(run) for run in plan.set_runs()}
    assert planned(f"{TEXT}timing: {{sets: 2}}").set_runs(done, range(4)) == []


def test_extra_blocks_of_older_results_replace_no_set(plan: Any) -> None:
    extra = {SetPart(cell.cell_id, "extra", number) for cell in plan.timed for number in range(4)}
    assert list(orders(plan.set_runs(extra, range(4)))) == [4, 5, 6, 7]


def test_cells_that_this_machine_cannot_run_take_no_part(planned: Planned) -> None:
    text = "name: x\naxes: {device: [cuda, cpu], batch_size: [1, 2]}\ntiming: {sets: 1}"
    runs = planned(text).set_runs()
    assert [run.cell.device for run in runs] == ["cpu"] * 3


@pytest.mark.parametrize(
    "text", ["timing: off", "base: {device: cuda}\ntiming: {sets: 2}"], ids=["off", "no device"]
)
def test_where_nothing_can_be_timed_there_are_no_sets(planned: Planned, text: str) -> None:
    assert planned(f"name: x\n{text}").set_runs() == []


def test_the_former_name_of_sets_plans_the_same(planned: Planned, plan: Any) -> None:
    former = planned(f"{TEXT}timing: {{blocks: 4}}")
    assert former.set_runs() == plan.set_runs()
    assert "blocks" not in former.study.as_written()["timing"]


def test_more_cells_than_fit_a_set_are_timed_in_several_with_the_baseline(planned: Planned) -> None:
    sizes = list(range(1, MOST_CELLS + 4))
    text = f"name: x\nbase: {{batch_size: 1}}\naxes: {{batch_size: {sizes}}}\n"
    sets = orders(planned(f"{text}timing: {{sets: 2}}").set_runs())
    assert [len(parts) for parts in sets.values()] == [2 + MOST_CELLS, 2 + 2] * 2
    for parts in sets.values():
        assert {(1, "planned"), (1, "twin")} <= set(parts)
    for one, other in ((0, 1), (2, 3)):
        assert sorted({size for size, _ in sets[one] + sets[other]}) == sizes


def test_where_other_sets_are_there_only_the_missing_cells_are_split(planned: Planned) -> None:
    sizes = list(range(1, MOST_CELLS + 4))
    text = f"name: x\nbase: {{batch_size: 1}}\naxes: {{batch_size: {sizes}}}\n"
    plan = planned(f"{text}timing: {{sets: 1}}")
    done = without(plan.set_runs(), 1, sizes[-1], "planned")
    sets = orders(plan.set_runs(done, range(2)))
    assert {number: sorted(parts) for number, parts in sets.items()} == {
        2: [(1, "planned"), (1, "twin"), (sizes[-1], "planned")]
    }


def test_the_first_six_sets_of_a_cell_are_detailed(planned: Planned) -> None:
    plan = planned(f"{TEXT}timing: {{sets: 8}}")
    detailed = {run.block: run.is_detailed for run in plan.set_runs()}
    assert detailed == {number: number < 6 for number in range(8)}


def test_a_new_cells_sets_are_detailed_though_the_baselines_are_there(planned: Planned) -> None:
    plan = planned(f"{TEXT}timing: {{sets: 7}}")
    done = {timed(run) for run in plan.set_runs()}
    wider = planned(f"{TEXT.replace('5, 6]', '5, 6, 7]')}timing: {{sets: 7}}")
    assert {run.block: run.is_detailed for run in wider.set_runs(done, range(7))} == {
        7: True, 8: True, 9: True, 10: True, 11: True, 12: True, 13: False,
    }  # fmt: skip


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
    plan = planned(f"{TEXT}timing: {{sets: {requested}}}")
    ids = {cell.batch_size: cell.cell_id for cell in plan.cells}
    done = {SetPart(ids[size], role, block) for (size, role), block in former}  # type: ignore[arg-type]
    used = {block for _, block in former} | failed
    runs = plan.set_runs(done, used)
    assert not {run.block for run in runs} & used
    assert len(runs) <= requested * 7
    after = done | {timed(run) for run in runs}
    assert plan.set_runs(after, used | {run.block for run in runs}) == []
