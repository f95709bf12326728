"""Whatever a run does, an outcome comes back with a status and a reason to act on."""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.data.images import GREY_DIGITS, DataShape
from bench.execute import EXECUTORS
from bench.execute.executor import Evaluated, Event, Executor, RunContext, Started, Stepped
from bench.records import Outcome
from bench.study.runs import Run

Runs = Callable[..., list[Run]]
ENDS_IN_PROCESS = {
    "Raises": ("failed", "RuntimeError: the third weight is made of cheese"),
    "Starves": ("oom", "CUDA out of memory. Tried to allocate 20.00 GiB"),
    "NotANumber": ("diverged", "the training loss became nan"),
}
ENDS_THE_PROCESS = {
    "Dies": ("failed", "SIGSEGV"),
    "Killed": ("failed", "SIGKILL; perhaps the system ran out of memory"),
    "Leaves": ("failed", "exit code 7"),
    "Stammers": ("failed", "exit code 8"),
}

SHAPES = dict.fromkeys(("digits", "mnist"), GREY_DIGITS)


@pytest.fixture(scope="module")
def local() -> Executor:
    return EXECUTORS["local"]()


def carry_out(executor: Executor, runs: list[Run], folder: Path) -> tuple[Outcome, list[Event]]:
    events: list[Event] = []
    (outcome,) = executor.execute(runs, RunContext(folder), events.append)
    return outcome, events


@pytest.mark.parametrize("network", ENDS_IN_PROCESS)
@pytest.mark.parametrize("executor", ["local", "inline"])
def test_a_failed_run_has_status_and_reason(
    executor: str, network: str, networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    runs = runs_of({"model": {"import": f"{networks}:{network}"}})
    outcome, _ = carry_out(EXECUTORS[executor](), runs, digits_dir)
    status, reason = ENDS_IN_PROCESS[network]
    assert outcome.status == status
    assert reason in (outcome.reason or "")
    assert outcome.trial is not None
    assert (outcome.trial.status, outcome.trial.reason) == (status, outcome.reason)
    assert outcome.trial.test_accuracy is None
    assert ("misbehave" in (outcome.traceback or "")) == (network != "NotANumber")


@pytest.mark.parametrize("network", ENDS_THE_PROCESS)
def test_a_run_whose_process_ends_is_a_failed_outcome(
    local: Executor, network: str, networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    runs = runs_of({"model": {"import": f"{networks}:{network}"}})
    outcome, _ = carry_out(local, runs, digits_dir)
    status, reason = ENDS_THE_PROCESS[network]
    assert outcome.status == status
    assert reason in (outcome.reason or "")


def test_a_run_that_allocates_too_much_memory_is_oom(
    local: Executor, networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    runs = runs_of({"model": {"import": f"{networks}:Greedy"}})
    outcome, _ = carry_out(local, runs, digits_dir)
    assert outcome.status == "oom"
    assert "can't allocate memory" in (outcome.reason or "")
    assert "misbehave" in (outcome.traceback or "")


def test_a_hanging_run_is_stopped_at_its_limit(
    local: Executor, networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    limits = {"trial_timeout": "3s"}
    runs = runs_of({"model": {"import": f"{networks}:Hangs"}}, limits=limits)
    outcome, _ = carry_out(local, runs, digits_dir)
    assert outcome.status == "timeout"
    assert outcome.reason == "took longer than limits.trial_timeout, 3 s"


def test_a_run_that_ignores_signals_is_killed_at_its_limit(
    local: Executor, networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    cell = {"model": {"import": f"{networks}:NeverEnds"}, "batch_size": 8}
    runs = runs_of(cell, limits={"trial_timeout": "3s"})
    outcome, events = carry_out(local, runs, digits_dir)
    assert outcome.status == "timeout"
    assert any(isinstance(event, Stepped) for event in events)


def test_a_failed_run_does_not_affect_the_next(
    local: Executor, networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    bad = runs_of({"model": {"import": f"{networks}:Dies"}})
    good = runs_of({"model": {"import": f"{networks}:Plain"}})
    statuses = [
        o.status for o in local.execute([*bad, *good], RunContext(digits_dir), lambda event: None)
    ]
    assert statuses == ["failed", "ok"]


def test_a_failed_part_of_a_timing_set_is_one_row(
    local: Executor, networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    timing = {"sets": 1, "rounds": 1}
    runs = runs_of({"model": {"import": f"{networks}:Raises"}}, "block", timing=timing)
    twin = next(run for run in runs if run.role == "twin")
    outcome, _ = carry_out(local, [twin], digits_dir)
    (row,) = outcome.timings
    assert (row.status, row.role, row.phase, row.seconds) == ("failed", "twin", None, None)
    assert outcome.block is not None
    assert (outcome.block.status, outcome.block.reason) == ("failed", outcome.reason)
    assert outcome.trial is None


def test_a_failed_cost_pass_is_one_row(networks: str, digits_dir: Path, runs_of: Runs) -> None:
    runs = runs_of({"model": {"import": f"{networks}:Starves"}}, "cost")
    outcome, _ = carry_out(EXECUTORS["inline"](), runs, digits_dir)
    assert outcome.cost is not None
    assert (outcome.status, outcome.cost.status) == ("oom", "oom")
    assert outcome.cost.step_flops is None


def test_a_trial_reports_its_progress(networks: str, digits_dir: Path, runs_of: Runs) -> None:
    runs = runs_of({"model": {"import": f"{networks}:Plain"}, "batch_size": 512})
    outcome, events = carry_out(EXECUTORS["inline"](), runs, digits_dir)
    assert outcome.status == "ok"
    assert isinstance(events[0], Started)
    assert [e.step for e in events if isinstance(e, Stepped)] == [30, 60, 90]
    assert all(e.loss is None for e in events if isinstance(e, Stepped))
    (evaluated,) = [e for e in events if isinstance(e, Evaluated)]
    assert outcome.trial is not None
    assert outcome.trial.test_accuracy == evaluated.correct / evaluated.images


def test_networks_that_cannot_be_trained_are_found_before_the_first_run(
    networks: str, runs_of: Runs
) -> None:
    expected = {
        "WrongShape": "expected output shape (2, 10), got (2, 7)",
        "NotANetwork": "to return a torch.nn.Module, got ",
        "NoParameters": "has no trainable parameters",
        "AllFrozen": "has no trainable parameters",
        "CutOff": "does not require grad",
        "BadLoss": "TypeError: no such loss",
        "CannotBeBuilt": "ValueError: no such wire",
    }
    for executor in (EXECUTORS["inline"](), EXECUTORS["local"]()):
        cells = [runs_of({"model": {"import": f"{networks}:{name}"}})[0].cell for name in expected]
        problems = executor.check(cells, SHAPES)
        assert len(problems) == len(expected)
        for problem, message in zip(problems, expected.values(), strict=True):
            assert message in problem


def test_trainable_networks_pass_the_check(networks: str, runs_of: Runs) -> None:
    cells = [runs_of({"model": m})[0].cell for m in ("convnet", "lenet5", "lenet5_1998")]
    assert EXECUTORS["inline"]().check(cells, SHAPES) == []


def test_only_cross_entropy_takes_label_smoothing(networks: str, runs_of: Runs) -> None:
    model = {"import": f"{networks}:OwnLoss"}
    cell = runs_of({"model": model, "label_smoothing": 0.1})[0].cell
    (problem,) = EXECUTORS["inline"]().check([cell], SHAPES)
    assert "label_smoothing does not support a custom loss" in problem


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def gone(pid: int, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def read_when_there(path: Path, within_s: float = 30.0) -> int:
    deadline = time.monotonic() + within_s
    while not (path.is_file() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return int(path.read_text())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_child_processes_end_with_their_run_at_its_limit(
    local: Executor, networks: str, digits_dir: Path, tmp_path: Path, runs_of: Runs
) -> None:
    reported = tmp_path / "pid"
    model = {"import": f"{networks}:Forks", "reported": str(reported)}
    runs = runs_of({"model": model}, limits={"trial_timeout": "5s"})
    outcome, _ = carry_out(local, runs, digits_dir)
    assert outcome.status == "timeout"
    assert gone(int(reported.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_left_over_child_processes_end_with_their_run(
    local: Executor, networks: str, digits_dir: Path, tmp_path: Path, runs_of: Runs
) -> None:
    reported = tmp_path / "pid"
    model = {"import": f"{networks}:Litters", "reported": str(reported)}
    outcome, _ = carry_out(local, runs_of({"model": model, "batch_size": 60_000}), digits_dir)
    assert outcome.status == "ok"
    assert gone(int(reported.read_text()))


RUN_AND_WAIT = """
import pickle, sys
from pathlib import Path
from bench.execute import EXECUTORS
from bench.execute.executor import RunContext
runs = pickle.loads(Path(sys.argv[1]).read_bytes())
if __name__ == "__main__":
    list(EXECUTORS["local"]().execute(runs, RunContext(Path(sys.argv[2])), lambda event: None))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for a signal")
def test_a_run_and_its_children_end_when_the_runner_is_killed(
    networks: str, digits_dir: Path, tmp_path: Path, runs_of: Runs
) -> None:
    reported = tmp_path / "pid"
    runs = runs_of({"model": {"import": f"{networks}:Forks", "reported": str(reported)}})
    (tmp_path / "runs").write_bytes(pickle.dumps(runs))
    script = tmp_path / "runner.py"
    script.write_text(RUN_AND_WAIT, encoding="utf-8")
    runner = subprocess.Popen(
        [sys.executable, script, tmp_path / "runs", digits_dir],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    grandchild = read_when_there(reported)
    child = int(Path(f"{reported}.parent").read_text())
    assert alive(child)
    runner.kill()
    runner.wait()
    assert gone(child)
    assert gone(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for a signal")
def test_stopped_members_of_a_set_end_when_the_runner_is_killed(
    networks: str, digits_dir: Path, tmp_path: Path, set_of: Runs
) -> None:
    model = {"import": f"{networks}:Marks", "folder": str(tmp_path)}
    runs = set_of([{"model": model}], timing={"rounds": 1_000_000})
    (tmp_path / "runs").write_bytes(pickle.dumps(runs))
    script = tmp_path / "runner.py"
    script.write_text(RUN_AND_WAIT, encoding="utf-8")
    runner = subprocess.Popen(
        [sys.executable, script, tmp_path / "runs", digits_dir],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    deadline = time.monotonic() + 60
    while len(members := [int(path.stem) for path in tmp_path.glob("*.marks")]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert all(map(alive, members))
    runner.kill()
    runner.wait()
    assert all(map(gone, members))


def test_a_network_that_does_not_adapt_to_the_data_is_told_how(
    networks: str, runs_of: Runs
) -> None:
    (run,) = runs_of({"model": {"import": f"{networks}:Plain"}})
    shapes = {"digits": DataShape(3, 32, 32, 5)}
    (problem,) = EXECUTORS["inline"]().check([run.cell], shapes)
    assert "cannot be multiplied" in problem
    assert problem.endswith(
        "; images are 3 × 32 × 32 and have 5 classes; it has no parameter in_channels, classes or "
        "image_size that would get these"
    )
