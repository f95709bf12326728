"""Several trials at once, each on separate cores; what is timed runs alone."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.execute import EXECUTORS
from bench.execute.executor import RunContext
from bench.measure.machine import usable_cores
from bench.records import Outcome
from bench.study.runs import Run

Runs = Callable[..., list[Run]]
needs_two_cores = pytest.mark.skipif(len(usable_cores()) < 2, reason="needs two cores")


def carry_out(runs: list[Run], data: Path, jobs: int) -> list[Outcome]:
    return list(EXECUTORS["local"](jobs).execute(runs, RunContext(data), lambda event: None))


def model(networks: str, name: str, folder: Path) -> dict[str, object]:
    return {"model": {"import": f"{networks}:{name}", "folder": str(folder)}, "threads": 1}


@needs_two_cores
def test_two_trials_run_at_once_on_separate_cores(
    networks: str, digits_dir: Path, tmp_path: Path, runs_of: Runs
) -> None:
    runs = runs_of(model(networks, "Meets", tmp_path), seeds=[0, 1])
    outcomes = carry_out(runs, digits_dir, 2)
    assert [o.reason for o in outcomes] == [None, None]
    assert {o.trial.jobs for o in outcomes if o.trial} == {2}
    cores = [set(json.loads(path.read_text())) for path in tmp_path.glob("*.here")]
    assert len(cores) == 2
    assert not cores[0] & cores[1]


@needs_two_cores
def test_timing_sets_run_alone_unless_the_study_allows_sharing(
    networks: str, digits_dir: Path, tmp_path: Path, runs_of: Runs
) -> None:
    cell = model(networks, "MustBeAlone", tmp_path)
    timing = {"sets": 2, "rounds": 1, "epochs": 0}
    alone = runs_of(cell, "block", timing=timing)
    outcomes = carry_out(alone, digits_dir, 2)
    assert [o.reason for o in outcomes] == [None] * 4  # planned and twin, twice
    assert [o.block.jobs for o in outcomes if o.block] == [1] * 4

    beside = runs_of(cell, "block", timing=timing | {"alone": False})
    outcomes = carry_out(beside, digits_dir, 2)
    assert any("another one is here" in (o.reason or "") for o in outcomes)


@needs_two_cores
def test_a_run_of_many_threads_waits_for_all_cores(
    networks: str, digits_dir: Path, tmp_path: Path, runs_of: Runs
) -> None:
    cell = model(networks, "MustBeAlone", tmp_path) | {"threads": len(usable_cores())}
    runs = runs_of(cell, seeds=[0, 1])
    outcomes = carry_out(runs, digits_dir, 2)
    assert [o.reason for o in outcomes] == [None, None]


@needs_two_cores
def test_running_trials_end_when_the_iterator_is_closed(
    networks: str, digits_dir: Path, tmp_path: Path, runs_of: Runs
) -> None:
    one = runs_of({"model": {"import": f"{networks}:Raises"}, "threads": 1})
    other = runs_of({"model": {"import": f"{networks}:Hangs"}, "threads": 1})
    outcomes = EXECUTORS["local"](2).execute(
        [one[0], other[0]], RunContext(digits_dir), lambda event: None
    )
    assert next(outcomes).status == "failed"
    started_s = time.monotonic()
    outcomes.close()
    assert time.monotonic() - started_s < 10


@pytest.mark.parametrize("executor", ["local", "inline"])
def test_nothing_starts_when_stopping(
    executor: str, networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    runs = runs_of({"model": {"import": f"{networks}:Raises"}}, seeds=[0, 1])
    begun: list[object] = []
    outcomes = EXECUTORS[executor]().execute(
        runs, RunContext(digits_dir), begun.append, lambda: len(begun) > 0
    )
    assert [outcome.run_id for outcome in outcomes] == [runs[0].run_id]
    assert len(begun) == 1


def test_one_process_has_one_job() -> None:
    with pytest.raises(BenchError, match="the inline executor has one process"):
        EXECUTORS["inline"](2)
