"""A run that has nothing to tell but how it ended is still a row, and has its own key."""

from collections.abc import Callable
from typing import Any

from bench.measure.openmp_spin import SPIN_COUNT
from bench.records import BlockRow, CostRow

Planned = Callable[..., Any]


def test_a_trial_that_failed_is_one_row(planned: Planned) -> None:
    trial, _ = planned("name: x\nseeds: [7]\ntiming: {blocks: 1}").runs
    outcome = trial.ended("failed", "why", 1.5)
    assert (outcome.run_id, outcome.kind, outcome.cell_id) == (
        trial.run_id, "trial", trial.cell.cell_id,
    )  # fmt: skip
    assert outcome.trial is not None
    assert (outcome.trial.trial_id, outcome.trial.seed) == (trial.run_id, 7)
    assert (outcome.trial.status, outcome.trial.reason) == ("failed", "why")
    assert (outcome.epochs, outcome.timings, outcome.wall_s) == ((), (), 1.5)


def test_a_block_that_failed_is_one_row(planned: Planned) -> None:
    runs = planned("name: x\ntiming: {blocks: 2}").block_runs([], [])
    twin = next(run for run in runs if run.block == 1 and run.role == "twin")
    outcome = twin.ended("timeout", "too slow", 9.0)
    (row,) = outcome.timings
    assert (row.block, row.role, row.phase, row.round, row.seconds) == (1, "twin", None, None, None)
    assert (row.status, row.reason, outcome.trial) == ("timeout", "too slow", None)
    assert outcome.block == BlockRow(block=1, role="twin", status="timeout", reason="too slow")


def test_a_cost_pass_that_failed_is_one_row(planned: Planned) -> None:
    cost = planned("name: x\ntiming: off").runs[-1]
    outcome = cost.ended("oom", "too large", 9.0)
    assert (outcome.kind, outcome.run_id) == ("cost", f"{outcome.cell_id}-cost")
    assert outcome.cost == CostRow(status="oom", reason="too large")
    assert (outcome.trial, outcome.block, outcome.timings) == (None, None, ())


def test_a_runs_configuration_has_everything_that_its_numbers_depend_on(planned: Planned) -> None:
    text = "name: x\nseeds: [7]\ntarget_accuracy: 0.9\ntiming: {blocks: 1, rounds: 5}"
    plan = planned(text)
    trial, cost = plan.runs
    flat = trial.cell.identity() | {"spin_count": SPIN_COUNT}
    assert trial.configuration() == flat | {"seed": 7, "target_accuracy": 0.9}
    assert cost.configuration() == flat | {"seed": 7}
    for block in plan.block_runs([], []):
        assert block.configuration() == flat | {"seed": 7, "rounds": 5, "epochs": 1}
