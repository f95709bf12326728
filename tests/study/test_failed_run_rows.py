"""A run that has nothing to tell but how it ended is still a row, and has its own key."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench.measure.openmp_spin import SPIN_COUNT
from bench.records import BlockRow, CostRow

Planned = Callable[..., Any]


def test_a_trial_that_failed_is_one_row(planned: Planned) -> None:
    trial, _ = planned("name: x\nseeds: [7]\ntiming: {sets: 1}").runs
    outcome = trial.ended("failed", "why", 1.5)
    assert (outcome.run_id, outcome.kind, outcome.cell_id) == (
        trial.run_id, "trial", trial.cell.cell_id,
    )  # fmt: skip
    assert outcome.trial is not None
    assert (outcome.trial.trial_id, outcome.trial.seed) == (trial.run_id, 7)
    assert (outcome.trial.status, outcome.trial.reason) == ("failed", "why")
    assert (outcome.epochs, outcome.timings, outcome.wall_s) == ((), (), 1.5)


def test_a_part_of_a_set_that_failed_is_one_row(planned: Planned) -> None:
    runs = planned("name: x\ntiming: {sets: 2}").set_runs()
    twin = next(run for run in runs if run.block == 1 and run.role == "twin")
    outcome = twin.ended("timeout", "too slow", 9.0)
    (row,) = outcome.timings
    assert (row.block, row.role, row.phase, row.round, row.seconds) == (1, "twin", None, None, None)
    assert (row.status, row.reason, outcome.trial) == ("timeout", "too slow", None)
    end = {"status": "timeout", "reason": "too slow"}
    assert outcome.block == BlockRow(block=1, role="twin", protocol="lockstep", look=0, **end)


def test_a_cost_pass_that_failed_is_one_row(planned: Planned) -> None:
    cost = planned("name: x\ntiming: off").runs[-1]
    outcome = cost.ended("oom", "too large", 9.0)
    assert (outcome.kind, outcome.run_id) == ("cost", f"{outcome.cell_id}-cost")
    assert outcome.cost == CostRow(status="oom", reason="too large")
    assert (outcome.trial, outcome.block, outcome.timings) == (None, None, ())


def test_a_runs_configuration_has_everything_that_its_numbers_depend_on(planned: Planned) -> None:
    text = "name: x\nseeds: [7]\ntarget_accuracy: 0.9\ntiming: {sets: 1, rounds: 5}"
    plan = planned(text)
    trial, cost = plan.runs
    flat = trial.cell.identity() | {"spin_count": SPIN_COUNT}
    assert trial.configuration() == flat | {"seed": 7, "target_accuracy": 0.9}
    assert cost.configuration() == flat | {"seed": 7}
    for part in plan.set_runs():
        assert part.configuration() == flat | {"seed": 7, "rounds": 5, "epochs": 1}
        later = replace(part, is_detailed=False)  # of a set after the first six
        assert later.configuration() == flat | {"seed": 7, "rounds": 5}
        beside = replace(part, timing=part.timing.model_copy(update={"alone": False}))
        assert beside.configuration() == part.configuration() | {"alone": False}
