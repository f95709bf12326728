"""A run that has nothing to tell but how it ended is still a row, and has its own key."""

from collections.abc import Callable

from bench.study.plan import Plan

Planned = Callable[..., Plan]


def test_a_trial_that_failed_is_one_row(planned: Planned) -> None:
    trial, _ = planned("name: x\nseeds: [7]\ntiming: {blocks: 1}").runs
    outcome = trial.ended("failed", "why", 1.5)
    assert (outcome.run_id, outcome.kind, outcome.cell_id) == (
        trial.run_id, "trial", trial.planned.cell_id,
    )  # fmt: skip
    assert outcome.trial is not None
    assert (outcome.trial.trial_id, outcome.trial.seed) == (trial.run_id, 7)
    assert (outcome.trial.status, outcome.trial.reason) == ("failed", "why")
    assert (outcome.epochs, outcome.timings, outcome.wall_s) == ((), (), 1.5)


def test_a_block_that_failed_is_one_row(planned: Planned) -> None:
    block = planned("name: x\ntiming: {blocks: 2}").runs[-1]
    outcome = block.ended("timeout", "too slow", 9.0)
    (row,) = outcome.timings
    assert (row.block, row.phase, row.round, row.seconds) == (1, None, None, None)
    assert (row.status, row.reason, outcome.trial) == ("timeout", "too slow", None)


def test_a_runs_configuration_has_all_that_its_numbers_depend_on(planned: Planned) -> None:
    text = "name: x\nseeds: [7]\ntarget_accuracy: 0.9\ntiming: {blocks: 1, rounds: 5}"
    trial, block = planned(text).runs
    flat = trial.planned.cell.flat()
    assert trial.configuration() == flat | {"seed": 7, "target_accuracy": 0.9}
    assert block.configuration() == flat | {
        "seed": 7, "block": 0, "timing": {"blocks": 1, "rounds": 5, "epochs": 1},
    }  # fmt: skip
