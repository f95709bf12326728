"""What the cells of a study are to each other is read off the cells."""

from typing import Any

import pandas as pd
import pytest

from bench.analysis.effects import full_grid, one_at_a_time

BASE = {
    "model": "convnet",
    "batch_size": 512,
    "optimizer": "adam",
    "lr": 0.001,
    "compile": False,
    "model.hidden": 500,
    "model.pooling": "max",
    "optimizer.momentum": None,
}
SGD = {"optimizer": "sgd", "lr": 0.1, "optimizer.momentum": 0.0}


def cells(*changed: dict[str, Any]) -> pd.DataFrame:
    rows = [{"study": "s", "cell_id": f"c{i}", **BASE, **c} for i, c in enumerate(changed)]
    return pd.DataFrame(rows)


def names(*changed: dict[str, Any]) -> list[str]:
    return [change.name for change in one_at_a_time(cells(*changed)).values()]


def axes_of(*changed: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    return [(axis.name, axis.values) for axis in full_grid(cells(*changed))]


def test_a_change_is_named_by_what_changed_only() -> None:
    changed = [{}, {"model.pooling": "none"}, {"batch_size": 64}, {"compile": True}]
    assert names(*changed) == ["pooling max → none", "batch 512 → 64", "compile off → on"]


def test_a_choice_with_its_parameters_is_one_change() -> None:
    lenet = {"model": "lenet5", "model.hidden": None, "model.pooling": None}
    assert names({}, SGD, lenet) == ["optimizer adam → sgd", "model convnet → lenet5"]


def test_two_changes_to_the_same_choice_are_reported_apart_by_its_parameters() -> None:
    assert names({}, SGD, {**SGD, "optimizer.momentum": 0.9}) == [
        "optimizer adam → sgd · momentum 0",
        "optimizer adam → sgd · momentum 0.9",
    ]


def test_parameters_that_change_together_are_one_change() -> None:
    assert names({}, {"model.hidden": 50, "model.pooling": "none"}) == [
        "hidden 500 → 50, pooling max → none"
    ]


def test_fields_of_one_last_name_are_written_in_full() -> None:
    both = [{"model.eps": 1, "optimizer.eps": 1}]
    both += [{"model.eps": 2, "optimizer.eps": 1}, {"model.eps": 1, "optimizer.eps": 2}]
    assert names(*both) == ["model.eps 1 → 2", "optimizer.eps 1 → 2"]


@pytest.mark.parametrize(
    "changed",
    [
        [{}],
        [{}, {"batch_size": 64, "compile": True}],
        [{}, {"batch_size": 64}, {"batch_size": 64, "compile": True}],
        [{}, {"lr": 0.1}, {"batch_size": 64}, {"lr": 0.1, "batch_size": 64}],
        # Combines what others change alone: no third part.
        [
            *({}, {"model.hidden": 5}, {"model.pooling": "avg"}, {"model.pooling": "none"}),
            {"model.hidden": 5, "model.pooling": "avg"},
        ],
    ],
)
def test_more_than_one_part_at_once_is_no_change(changed: list[dict[str, Any]]) -> None:
    assert one_at_a_time(cells(*changed)) == {}


def test_a_full_grid_has_a_cell_at_every_combination() -> None:
    grid = [{"batch_size": b, "compile": c} for b in (512, 64, 128) for c in (False, True)]
    assert axes_of(*grid) == [("batch", ("64", "128", "512")), ("compile", ("off", "on"))]
    assert axes_of(*grid[:-1]) == []
    assert axes_of(*grid[:1]) == []
    assert axes_of({}, {"batch_size": 64}) == []


def test_an_optimizer_and_its_learning_rate_are_one_axis_unless_they_were_crossed() -> None:
    together = [{**o, "batch_size": b} for o in ({}, SGD) for b in (64, 512)]
    assert axes_of(*together) == [("batch", ("64", "512")), ("optimizer", ("adam", "sgd"))]
    crossed = [{"optimizer": o, "lr": lr} for o in ("adam", "sgd") for lr in (0.1, 0.01)]
    assert axes_of(*crossed) == [("optimizer", ("adam", "sgd")), ("lr", ("0.01", "0.1"))]


def test_values_of_one_choice_are_one_axis() -> None:
    kinds = [{}, SGD, {**SGD, "optimizer.momentum": 0.9}]
    grid = [{**kind, "batch_size": b} for kind in kinds for b in (64, 512)]
    values = ("adam", "sgd · momentum 0", "sgd · momentum 0.9")
    assert axes_of(*grid) == [("batch", ("64", "512")), ("optimizer", values)]


def test_every_cell_has_its_place_on_an_axis() -> None:
    grid = [{"batch_size": b, "compile": c} for b in (512, 64) for c in (False, True)]
    batch, compiled = full_grid(cells(*grid))
    assert batch.positions.to_dict() == {"c0": 1, "c1": 1, "c2": 0, "c3": 0}
    assert compiled.positions.to_dict() == {"c0": 0, "c1": 1, "c2": 0, "c3": 1}
