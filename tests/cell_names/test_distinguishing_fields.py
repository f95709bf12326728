"""Cells are called by what tells them apart, and by nothing else."""

import math
from typing import Any

import pytest

from bench.cell_names import name_by_fields, name_cells, naming_fields, varying_fields

ADAM = {"model": "convnet", "batch_size": 512, "optimizer": "adam", "lr": 0.001, "device": "cpu"}
SGD = {**ADAM, "optimizer": "sgd", "lr": 0.1, "optimizer.momentum": 0.9}


def named(cells: list[dict[str, Any]]) -> list[str]:
    fields = naming_fields(cells)
    return [name_by_fields(cell, fields) for cell in cells]


def test_shared_fields_are_omitted() -> None:
    assert named([ADAM, {**ADAM, "batch_size": 64}]) == ["batch 512", "batch 64"]


def test_parameters_implied_by_their_component_are_omitted() -> None:
    assert varying_fields([ADAM, SGD]) == ["optimizer", "lr", "optimizer.momentum"]
    assert named([ADAM, SGD]) == ["adam", "sgd"]


def test_a_parameter_that_alone_distinguishes_two_cells_is_kept() -> None:
    other = {**SGD, "optimizer.momentum": 0}
    assert named([ADAM, SGD, other]) == ["adam", "sgd · momentum 0.9", "sgd · momentum 0"]


def test_parts_of_a_name_are_in_the_order_of_the_fields() -> None:
    cells = [ADAM, {**ADAM, "model": "lenet5"}, {**ADAM, "batch_size": 64, "device": "cuda"}]
    assert named(cells) == [
        "convnet · batch 512 · cpu", "lenet5 · batch 512 · cpu", "convnet · batch 64 · cuda",
    ]  # fmt: skip


def test_a_single_cell_has_a_default_name() -> None:
    assert naming_fields([ADAM]) == []
    assert naming_fields([]) == []


@pytest.mark.parametrize("blank", [None, math.nan])
def test_a_blank_distinguishes_cells_but_is_not_written(blank: float | None) -> None:
    cells = [{"model": "a", "x": 1}, {"model": "a", "x": blank}, {"model": "b"}]
    assert varying_fields(cells) == ["model", "x"]
    assert named(cells) == ["a · x 1", "a", "b"]


def test_blanks_of_every_kind_are_the_same_blank() -> None:
    assert varying_fields([{"x": None}, {"x": math.nan}, {}]) == []


def test_a_cell_with_nothing_but_blanks_is_a_dash() -> None:
    assert named([{"model.dropout": None}, {"model.dropout": 0.5}]) == ["–", "dropout 0.5"]


def test_two_fields_of_one_last_name_are_written_in_full() -> None:
    cells = [{"model.eps": 1, "optimizer.eps": 2}, {"model.eps": 2, "optimizer.eps": 1}]
    assert (
        name_by_fields(cells[0], ["model.eps", "optimizer.eps"]) == "model.eps 1 · optimizer.eps 2"
    )
    assert name_by_fields(cells[0], ["model.eps"]) == "eps 1"


def changes(cells: list[dict[str, Any]]) -> list[str]:
    return list(name_cells({str(i): cell for i, cell in enumerate(cells)}).values())


BASE = {"model": "convnet", "model.hidden": 500, "optimizer": "adam", "lr": 0.001}


def test_cells_that_change_one_thing_each_are_named_by_it() -> None:
    cells = [BASE, BASE | {"model.hidden": 0}, BASE | {"optimizer": "sgd", "lr": 0.1}]
    assert changes(cells) == ["baseline", "hidden 0", "sgd"]


def test_cells_that_all_change_the_same_thing_keep_its_value_on_the_first() -> None:
    cells = [BASE, BASE | {"optimizer": "sgd", "lr": 0.1}, BASE | {"optimizer": "sgd"}]
    assert changes(cells) == ["adam · lr 0.001", "sgd · lr 0.1", "sgd · lr 0.001"]


def test_models_and_a_parameter_of_one_are_named_in_full() -> None:
    cells = [BASE, BASE | {"model": "mlp", "model.hidden": None}, BASE | {"model.hidden": 0}]
    assert changes(cells) == ["convnet · hidden 500", "mlp", "convnet · hidden 0"]


def test_a_grid_is_named_by_all_its_fields() -> None:
    cells = [BASE | {"model.hidden": h, "lr": lr} for h in (500, 0) for lr in (0.001, 0.1)]
    assert changes(cells)[0] == "lr 0.001 · hidden 500"


def test_a_name_of_many_fields_distinguishes_its_cell_from_all_others() -> None:
    one = {"model": "convnet", "batch_size": 64, "optimizer": "adam", "schedule": "constant"}
    other = {"model": "convnet", "batch_size": 128, "optimizer": "sgd", "schedule": "cosine"}
    third = other | {"model": "mlp"}
    more = {"precision": "bf16", "loader": "resident"}
    cells = [one | {"precision": "fp32", "loader": "dataloader"}, other | more, third | more]
    assert changes(cells) == [
        "convnet · batch 64",
        "convnet · batch 128",
        "mlp · batch 128",
    ]
