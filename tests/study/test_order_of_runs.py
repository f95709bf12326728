"""Trials go seed by seed, then every cell has its cost pass."""

from collections.abc import Callable
from typing import Any

from bench.study.runs import Run

Planned = Callable[..., Any]

AXES = "axes: {batch_size: [1, 2, 3, 4, 5, 6, 7, 8]}\nseeds: [3, 1]\ntiming: {sets: 4}\n"
# The base's own batch size is not among them: the first of the grid is the baseline cell.
SIZES = list(range(1, 9))


def what(run: Run) -> tuple[str, int, int]:
    return run.kind, run.seed, run.cell.batch_size


def test_one_seed_of_every_cell_comes_before_the_next_seed_and_costs_last(planned: Planned) -> None:
    assert [what(run) for run in planned(f"name: x\n{AXES}").runs] == [
        *(("trial", 3, size) for size in SIZES),
        *(("trial", 1, size) for size in SIZES),
        *(("cost", 3, size) for size in SIZES),
    ]


def test_a_study_without_timing_still_counts_what_a_step_costs(planned: Planned) -> None:
    runs = planned("name: x\nseeds: [0, 1]\ntiming: off").runs
    assert [(run.kind, run.seed) for run in runs] == [("trial", 0), ("trial", 1), ("cost", 0)]


def test_a_run_has_the_settings_of_its_study(planned: Planned) -> None:
    plan = planned(
        "name: x\nseeds: [7]\ntarget_accuracy: 0.9\ntiming: {sets: 1, rounds: 2}\n"
        "limits: {trial_timeout: 1m}"
    )
    trial, cost = plan.runs
    block, twin = plan.set_runs()
    assert (trial.study, trial.seed, trial.target_accuracy, trial.timing) == ("x", 7, 0.9, None)
    assert (cost.study, cost.seed, cost.target_accuracy, cost.timing) == ("x", 7, None, None)
    for part in (block, twin):
        assert (part.study, part.seed, part.target_accuracy) == ("x", 7, None)
        assert part.timing is not None
        assert part.timing.rounds == 2
    assert {run.timeout_s for run in (trial, cost, block, twin)} == {60}
