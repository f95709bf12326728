"""Equal configurations are one cell, however they are written."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.study.spec import Cell


@pytest.mark.parametrize(
    "axes",
    [
        "model: [convnet, {name: convnet}, {name: convnet, hidden: 500}]",
        "model: [{name: convnet, hidden: 500, pooling: max}, {pooling: max, name: convnet}]",
        "batch_size: [512, 512, 512.0, 5.12e2]",
        "optimizer: [adam, {name: adam, lr: 1e-3}, {name: adam, lr: 0.001, weight_decay: 0}]",
        "lr: [1, 1.0]",
        "device: [cuda, 'cuda:0']",
        "dataset: [mnist, {name: mnist, fallback: digits}]",
        "compile: [false, False]",
    ],
)
def test_one_configuration_written_in_several_ways_is_one_cell(
    cells_of: Callable[..., list[Cell]], axes: str
) -> None:
    assert len(cells_of(f"name: x\naxes: {{{axes}}}")) == 1


def test_cells_that_resolve_to_the_same_are_one(planned: Callable[..., Any]) -> None:
    text = "name: x\naxes: {device: [auto, cpu, cuda], threads: [auto, 4, 2]}"
    without = planned(text).cells
    assert [(c.device, c.threads) for c in without] == [
        ("cpu", 4), ("cpu", 2), ("cuda", 4), ("cuda", 2),
    ]  # fmt: skip
    with_gpu = planned(text, gpus=("a GPU",)).cells
    assert [(c.device, c.threads) for c in with_gpu] == [
        ("cuda", 4), ("cuda", 2), ("cpu", 4), ("cpu", 2),
    ]  # fmt: skip


def test_a_missing_data_set_with_a_fallback_is_the_fallback(
    planned: Callable[..., Any],
) -> None:
    plan = planned("name: x\naxes: {dataset: [mnist, digits]}", served={"mnist": "digits"})
    assert [planned_cell.dataset.name for planned_cell in plan.cells] == ["digits"]


def test_different_configurations_are_different_cells(planned: Callable[..., Any]) -> None:
    text = "name: x\naxes: {epochs: [1, 2], lr: [0.1, 0.10000000000000002], compile: [true, false]}"
    ids = {cell.cell_id for cell in planned(text).cells}
    assert len(ids) == 8
