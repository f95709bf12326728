"""The baseline cell is the base of the study, and the first of the plan."""

from collections.abc import Callable
from typing import Any

import pytest

Planned = Callable[..., Any]


def sizes(plan: Any) -> list[int]:
    return [cell.batch_size for cell in plan.cells]


@pytest.mark.parametrize(
    ("base", "expected"),
    [(1, [1, 2, 3, 4]), (3, [3, 1, 2, 4]), (4, [4, 1, 2, 3])],
)
def test_the_base_comes_first_wherever_it_is_in_the_grid(
    planned: Planned, base: int, expected: list[int]
) -> None:
    plan = planned(f"name: x\nbase: {{batch_size: {base}}}\naxes: {{batch_size: [1, 2, 3, 4]}}")
    assert sizes(plan) == expected
    assert plan.timed == plan.cells


def test_where_the_base_is_not_in_the_grid_the_first_cell_is_the_baseline(planned: Planned) -> None:
    assert sizes(planned("name: x\nbase: {batch_size: 9}\naxes: {batch_size: [3, 1, 2]}")) == [
        3, 1, 2,
    ]  # fmt: skip


def test_where_the_base_is_left_out_the_first_cell_is_the_baseline(planned: Planned) -> None:
    text = (
        "name: x\nbase: {batch_size: 2}\naxes: {batch_size: [1, 2, 3]}\nexclude: [{batch_size: 2}]"
    )
    assert sizes(planned(text)) == [1, 3]


def test_where_the_base_cannot_run_the_first_cell_that_can_is_the_baseline(
    planned: Planned,
) -> None:
    text = "name: x\nbase: {device: cuda}\naxes: {device: [cuda, cpu], batch_size: [1, 2]}"
    plan = planned(text)
    assert [(c.device, c.batch_size) for c in plan.cells] == [
        ("cpu", 1), ("cuda", 1), ("cuda", 2), ("cpu", 2),
    ]  # fmt: skip
    assert plan.timed == (plan.cells[0], plan.cells[3])


def test_with_its_gpu_the_same_base_is_the_baseline(planned: Planned) -> None:
    text = "name: x\nbase: {device: cuda}\naxes: {device: [cpu, cuda]}"
    plan = planned(text, gpus=("a GPU",))
    assert [cell.device for cell in plan.cells] == ["cuda", "cpu"]


def test_where_no_cell_can_run_the_base_comes_first_all_the_same(planned: Planned) -> None:
    text = "name: x\nbase: {device: cuda, batch_size: 2}\naxes: {batch_size: [1, 2]}"
    plan = planned(text)
    assert sizes(plan) == [2, 1]
    assert plan.timed == ()


def test_a_base_with_auto_is_the_cell_that_auto_resolves_to(planned: Planned) -> None:
    text = "name: x\nbase: {threads: auto}\naxes: {threads: [1, 2, 4]}"
    assert [cell.threads for cell in planned(text).cells] == [4, 1, 2]


def test_the_trials_begin_with_the_baseline_cell(planned: Planned) -> None:
    plan = planned("name: x\nbase: {batch_size: 2}\naxes: {batch_size: [1, 2]}\nseeds: [0, 1]")
    trials = [run.cell.batch_size for run in plan.runs if run.kind == "trial"]
    assert trials == [2, 1, 2, 1]
