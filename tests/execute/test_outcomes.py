"""Whatever a run does, an outcome comes back with a status and a reason to act on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.execute import EXECUTORS
from bench.execute.executor import Evaluated, Event, Executor, Started, Stepped, Workplace
from bench.records import Outcome
from bench.study.plan import Run

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
}


@pytest.fixture(scope="module")
def local() -> Executor:
    return EXECUTORS["local"]()


def carry_out(executor: Executor, runs: list[Run], folder: Path) -> tuple[Outcome, list[Event]]:
    events: list[Event] = []
    (outcome,) = executor.execute(runs, Workplace(folder), events.append)
    return outcome, events


@pytest.mark.parametrize("network", ENDS_IN_PROCESS)
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_run_that_goes_wrong_says_how(
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


def test_a_run_that_hangs_is_ended_at_its_limit(
    local: Executor, networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    limits = {"trial_timeout": "3s"}
    runs = runs_of({"model": {"import": f"{networks}:Hangs"}}, limits=limits)
    outcome, _ = carry_out(local, runs, digits_dir)
    assert outcome.status == "timeout"
    assert outcome.reason == "took longer than limits.trial_timeout, 3 s"


def test_the_next_run_is_none_the_worse_for_a_bad_one(
    local: Executor, networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    bad = runs_of({"model": {"import": f"{networks}:Dies"}})
    good = runs_of({"model": {"import": f"{networks}:Plain"}})
    statuses = [
        o.status for o in local.execute([*bad, *good], Workplace(digits_dir), lambda event: None)
    ]
    assert statuses == ["failed", "ok"]


def test_a_failed_timing_block_is_one_row_that_says_so(
    local: Executor, networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    timing = {"blocks": 1, "rounds": 1}
    runs = runs_of({"model": {"import": f"{networks}:Raises"}}, "block", timing=timing)
    twin = next(run for run in runs if run.role == "twin")
    outcome, _ = carry_out(local, [twin], digits_dir)
    (row,) = outcome.timings
    assert (row.status, row.role, row.phase, row.seconds) == ("failed", "twin", None, None)
    assert outcome.block is not None
    assert (outcome.block.status, outcome.block.reason) == ("failed", outcome.reason)
    assert outcome.trial is None


def test_a_cost_pass_that_goes_wrong_is_one_row_that_says_so(
    networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    runs = runs_of({"model": {"import": f"{networks}:Starves"}}, "cost")
    outcome, _ = carry_out(EXECUTORS["inline"](), runs, digits_dir)
    assert outcome.cost is not None
    assert (outcome.status, outcome.cost.status) == ("oom", "oom")
    assert outcome.cost.step_flops is None


def test_a_trial_tells_how_it_goes_on(networks: str, digits_dir: Path, runs_of: Runs) -> None:
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
        "WrongShape": "gives (2, 7) for two images, where (2, 10) is asked for",
        "NotANetwork": "is no torch.nn.Module",
        "CannotBeBuilt": "ValueError: no such wire",
        "Absent": "Absent",
    }
    for executor in (EXECUTORS["inline"](), EXECUTORS["local"]()):
        cells = [
            runs_of({"model": {"import": f"{networks}:{name}"}})[0].planned for name in expected
        ]
        problems = executor.check(cells)
        assert len(problems) == len(expected)
        for problem, said in zip(problems, expected.values(), strict=True):
            assert said in problem


def test_networks_that_can_be_trained_are_no_problem(networks: str, runs_of: Runs) -> None:
    cells = [runs_of({"model": m})[0].planned for m in ("convnet", "lenet5", "lenet5_1998")]
    assert EXECUTORS["inline"]().check(cells) == []


def test_a_loss_that_is_no_cross_entropy_is_not_smoothed(networks: str, runs_of: Runs) -> None:
    model = {"import": f"{networks}:OwnLoss"}
    cell = runs_of({"model": model, "label_smoothing": 0.1})[0].planned
    (problem,) = EXECUTORS["inline"]().check([cell])
    assert "label_smoothing can't smooth a loss of the network's own" in problem
