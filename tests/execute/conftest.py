"""What the tests of executors share."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.measure.machine import Machine
from bench.records import Kind
from bench.study.runs import Run, distinct_cells, resolve, trial_and_cost_runs
from bench.study.spec import Cell, Study
from bench.study.timing_sets import set_runs

MACHINE = Machine("a CPU", 1, 2**30, "an OS", (), "no CUDA device: made up", (("torch", "1"),))


@pytest.fixture
def networks() -> str:
    """Name the module of networks that misbehave; it lies in this folder, outside the package."""
    return "misbehaving"


def plan_runs(cell: dict[str, Any], kind: Kind = "trial", **study: Any) -> list[Run]:
    """Plan the runs of one kind of one cell on a CPU with one thread, on the embedded digits."""
    base = {"dataset": "digits", "threads": 1, "device": "cpu", "batch_size": 2048, "epochs": 1}
    spec = Study.model_validate({"name": "tests", "timing": "off", **study})
    cells = distinct_cells([resolve(Cell.model_validate(base | cell), MACHINE, {})], "")
    sets = (spec.timing.sets or 0) if spec.timing else 0
    runs = (*trial_and_cost_runs(spec, cells), *set_runs(spec, cells, [], [], sets))
    return [run for run in runs if run.kind == kind]


@pytest.fixture
def runs_of() -> Callable[..., list[Run]]:
    return plan_runs


def plan_set(cells: list[dict[str, Any]], **study: Any) -> list[Run]:
    """Plan a timing set of short turns; it times steps only, since the calibration takes long."""
    base = {"dataset": "digits", "threads": 1, "device": "cpu", "batch_size": 2048, "epochs": 1}
    timing = {"sets": 1, "rounds": 2, "epochs": 0, **study.pop("timing", {})}
    spec = Study.model_validate({"name": "tests", "timing": timing, **study})
    resolved = [resolve(Cell.model_validate(base | cell), MACHINE, {}) for cell in cells]
    return [replace(run, is_detailed=False) for run in set_runs(spec, resolved, [], [], 1)]


@pytest.fixture
def set_of() -> Callable[..., list[Run]]:
    return plan_set
