"""A study that tunes: first all is tried, then each cell is compared at its best."""

from collections.abc import Mapping

import pandas as pd
import pytest
from runner_doubles import Ask, FakeExecutor, Silent

from bench.planning import plan_study
from bench.runner import run_study
from bench.study.runs import Run

TUNED = """
name: made_up
base: {dataset: digits, epochs: 1, device: cpu}
axes: {optimizer: [adam, sgd], lr: [0.001, 0.01, 0.1]}
tune: {over: [lr], seeds: [7, 8]}
seeds: [0, 1]
timing: {sets: 2, rounds: 2}
"""
BEST = {"adam": 0.01, "sgd": 0.1}
TRIED = 2 * 3 * 2


def by_rate(run: Run) -> float:
    """Let each optimizer have a best learning rate of its own."""
    optimizer = run.cell.optimizer
    return 0.9 if optimizer.parameters["lr"] == BEST[optimizer.name] else 0.6


def kinds(executor: FakeExecutor) -> list[str]:
    return [run.kind for run in executor.runs]


def test_each_cell_is_compared_at_its_best(ask: Ask) -> None:
    executor = FakeExecutor(validation=by_rate)
    finished = run_study(ask(TUNED), Silent(), executor)
    assert kinds(executor)[:TRIED] == ["tuning"] * TRIED
    assert "tuning" not in kinds(executor)[TRIED:]
    trials = pd.read_csv(finished.folder / "trials.csv")
    assert dict(zip(trials["optimizer"], trials["lr"], strict=True)) == BEST
    assert set(trials["seed"]) == {0, 1}
    tuning = pd.read_csv(finished.folder / "tuning.csv")
    assert len(tuning) == TRIED
    assert set(tuning["seed"]) == {7, 8}


def test_finished_candidates_are_not_repeated(ask: Ask) -> None:
    run_study(ask(TUNED), Silent(), FakeExecutor(validation=by_rate))
    again = FakeExecutor(validation=by_rate)
    run_study(ask(TUNED), Silent(), again)
    assert again.executed == []


def test_an_interrupted_tuning_resumes(ask: Ask) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_study(ask(TUNED), Silent(), FakeExecutor(validation=by_rate, interrupt_after=5))
    rest = FakeExecutor(validation=by_rate)
    run_study(ask(TUNED), Silent(), rest)
    assert kinds(rest).count("tuning") == TRIED - 5


def test_the_plan_lists_candidates_and_the_runs_that_follow(ask: Ask) -> None:
    plan = plan_study(ask(TUNED))
    assert plan.is_tuning
    assert {planned.run.kind for planned in plan.runs} == {"tuning"}
    assert len(plan.cells) == 2


def test_one_cell_alone_is_tuned_alone(ask: Ask) -> None:
    executor = FakeExecutor(validation=by_rate)
    run_study(ask(TUNED, only=("sgd",)), Silent(), executor)
    assert {run.cell.optimizer.name for run in executor.runs} == {"sgd"}
    assert kinds(executor).count("tuning") == TRIED / 2


def test_a_tuned_cell_keeps_its_name_whatever_is_chosen_for_it(ask: Ask) -> None:
    axes = TUNED.replace("optimizer: [adam, sgd]", "batch_size: [32, 64], optimizer: [sgd]")
    for best in (0.01, 0.1):
        rates = {32: best, 64: 0.001}

        def by_size(run: Run, rates: Mapping[int, float] = rates) -> float:
            cell = run.cell
            return 0.9 if cell.optimizer.parameters["lr"] == rates[cell.batch_size] else 0.6

        run_study(ask(axes, fresh=True), Silent(), FakeExecutor(validation=by_size))
        (cell,) = plan_study(ask(axes, only=("batch 32",))).cells
        assert (cell.batch_size, cell.optimizer.parameters["lr"]) == (32, best)


def test_a_candidate_that_fails_is_not_chosen(ask: Ask) -> None:
    def failing(run: Run) -> bool:
        return run.kind == "tuning" and by_rate(run) == 0.9 and run.seed == 8

    finished = run_study(ask(TUNED), Silent(), FakeExecutor(failing=failing, validation=by_rate))
    trials = pd.read_csv(finished.folder / "trials.csv")
    assert set(trials["lr"]) == {0.001}  # the first of those that are whole, all alike
    assert finished.has_failed


def test_the_baseline_cell_is_the_base_at_its_best(ask: Ask) -> None:
    executor = FakeExecutor(validation=by_rate)
    run_study(ask(TUNED), reporter := Silent(), executor)
    assert reporter.plan is not None
    first = reporter.plan.cells[0].optimizer
    assert (first.name, first.parameters["lr"]) == ("adam", 0.01)
