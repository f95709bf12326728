"""A study that tunes: first all is tried, then each cell is compared at its best."""

from collections.abc import Mapping

import pandas as pd
import pytest
from runner_doubles import Ask, FakeExecutor, Silent

from bench.analysis.tuning_candidates import candidates
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


HALVED = TUNED.replace("[0.001, 0.01, 0.1]", "[0.001, 0.003, 0.01, 0.03, 0.1]").replace(
    "{over: [lr]", "{over: [lr], by: halving"
)


def test_halving_spends_less_on_values_that_are_worse(ask: Ask) -> None:
    executor = FakeExecutor(validation=by_rate)
    finished = run_study(ask(HALVED), Silent(), executor)
    tuned = [run for run in executor.runs if run.kind == "tuning"]
    # Of five values the best two go on, of two the best one; for two optimizers and two seeds.
    assert [run.train_share for run in tuned] == [1 / 9] * 20 + [1 / 3] * 8
    going_on = {(r.cell.optimizer.name, r.cell.optimizer.parameters["lr"]) for r in tuned[20:]}
    assert going_on > set(BEST.items())
    trials = pd.read_csv(finished.folder / "trials.csv")
    assert dict(zip(trials["optimizer"], trials["lr"], strict=True)) == BEST
    tuning = pd.read_csv(finished.folder / "tuning.csv")
    assert len(tuning) == 28
    tried = candidates(finished.results.tuning, ["lr"])
    assert dict(tried.loc[tried["chosen"], ["optimizer", "lr"]].to_numpy()) == BEST


def test_a_halving_that_was_interrupted_or_is_done_goes_on_where_it_was(ask: Ask) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_study(ask(HALVED), Silent(), FakeExecutor(validation=by_rate, interrupt_after=23))
    rest, again = (FakeExecutor(validation=by_rate) for _ in range(2))
    run_study(ask(HALVED), Silent(), rest)
    assert kinds(rest).count("tuning") == 28 - 23
    run_study(ask(HALVED), Silent(), again)
    assert again.executed == []


def test_a_value_that_fails_in_a_round_of_halving_does_not_go_on(ask: Ask) -> None:
    def fails(run: Run) -> bool:
        return run.kind == "tuning" and run.cell.optimizer.parameters["lr"] == 0.001

    executor = FakeExecutor(validation=by_rate, failing=fails)
    run_study(ask(HALVED), Silent(), executor)
    later = [run for run in executor.runs if run.kind == "tuning" and run.train_share > 1 / 9]
    assert later and not any(map(fails, later))
