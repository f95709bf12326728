"""An id names one run for ever: unique, a file name, the same in every process."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.study.spec import Cell

Planned = Callable[..., Any]

ROOT = Path(__file__).parents[2]
FILE_NAME = r"[a-z0-9][a-z0-9_-]*"
PRINT_IDS = """
import sys

from bench.study.spec import Cell
model = {"import": "no_such_module:Net", "a": 1, "b": {"x": 1, "y": 2}}
other = Cell.model_validate({"model": model, "optimizer": "sgd"})
print(Cell().resolved(None).cell_id, other.resolved(None).cell_id)
"""


def id_of(cell: Cell) -> str:
    return cell.resolved(None).cell_id


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["convnet", "lenet5", "lenet5_1998"]),
        "batch_size": st.integers(1, 10_000),
        "optimizer": st.sampled_from(["adam", "sgd", {"name": "sgd", "momentum": 0.9}]),
        "epochs": st.integers(0, 30),
        "device": st.sampled_from(["cpu", "cuda", "cuda:1"]),
        "compile": st.booleans(),
        "threads": st.integers(1, 64),
    },
)


def test_every_run_has_a_unique_id(planned: Planned) -> None:
    text = "name: x\naxes: {model: [convnet, lenet5], epochs: [1, 2], lr: [1, 2]}\nseeds: [0, 1]"
    plan = planned(text)
    assert len({cell.cell_id for cell in plan.cells}) == 8
    runs = [*plan.runs, *plan.set_runs()]
    assert len(plan.runs) == 8 * (2 + 1)
    assert len({run.run_id for run in runs}) == len(runs) == 8 * (2 + 1) + 6 * (8 + 1)


def test_an_id_starts_with_readable_parts_of_the_cell(planned: Planned) -> None:
    (cell,) = planned("name: x\nbase: {device: 'cuda:1'}").cells
    assert re.fullmatch(r"convnet-b512-adam-cuda-1-[0-9a-f]{8}", cell.cell_id)


def test_a_runs_id_is_its_cells_id_with_seed_or_purpose(planned: Planned) -> None:
    plan = planned("name: x\nseeds: [7]\ntiming: {sets: 2}")
    cell = plan.cells[0].cell_id
    assert [run.run_id for run in plan.runs] == [f"{cell}-s7", f"{cell}-cost"]
    assert {run.run_id for run in plan.set_runs()} == {
        f"{cell}-b0", f"{cell}-b0-twin", f"{cell}-b1", f"{cell}-b1-twin",
    }  # fmt: skip


@given(FIELDS, FIELDS)
def test_ids_are_equal_exactly_if_configurations_are(
    a: dict[str, object], b: dict[str, object]
) -> None:
    one, other = Cell.model_validate(a), Cell.model_validate(b)
    assert (id_of(one) == id_of(other)) == (one.flat() == other.flat())
    assert re.fullmatch(FILE_NAME, id_of(one))


@pytest.mark.parametrize("name", ["Größe", "網", "_", "N" * 500, "Net_2"])
def test_an_id_is_a_file_name_whatever_the_class_is_called(name: str) -> None:
    named = id_of(Cell.model_validate({"model": {"import": f"no_such_module:{name}"}}))
    assert re.fullmatch(r"[a-z0-9_-]+", named)
    assert len(named) < 100


def test_the_order_of_parameters_does_not_matter() -> None:
    one = {"import": "no_such_module:Net", "a": 1, "b": {"x": 1, "y": 2}}
    other = {"b": {"y": 2, "x": 1}, "a": 1, "import": "no_such_module:Net"}
    assert id_of(Cell.model_validate({"model": one})) == id_of(
        Cell.model_validate({"model": other})
    )


def test_ids_are_the_same_in_every_process() -> None:
    def printed(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", PRINT_IDS]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    assert printed("1") == printed("2")
    assert printed("1").split()[0] == id_of(Cell())


def test_published_ids_do_not_change() -> None:
    declared = {"loader": "dataloader", "epochs": 1, "threads": 2, "device": "cpu"}
    cell = Cell.model_validate(declared | {"dataset": "mnist"})
    assert id_of(cell) == "convnet-b512-adam-cpu-7bf294bd"
    other = Cell.model_validate(declared | {"dataset": "mnist", "deterministic": True})
    assert id_of(other) != id_of(cell)
