"""A run takes as long as it took before; where it never ran the estimate is called rough."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.records import Outcome, Status
from bench.study.run_durations import START_S, DurationEstimator
from bench.study.runs import Run

Planned = Callable[..., Any]

TEXT = "name: x\nseeds: [0, 1, 2]\ntiming: {sets: 1}"


def took(run: Run, wall_s: float, status: Status = "ok") -> Outcome:
    return run.ended(status, None, wall_s)


def rough_s(planned: Planned, base: str, **where: object) -> float:
    estimate = DurationEstimator([], cores=4)
    run, *_ = planned(f"name: x\nbase: {{{base}}}\ntiming: off", **where).runs
    return estimate.seconds(run)


def test_a_known_wall_time_is_used(planned: Planned) -> None:
    first, second, *_ = planned(TEXT).runs
    estimate = DurationEstimator([took(first, 12.5)], cores=4)
    assert estimate.seconds(second) == 12.5
    assert not estimate.is_rough


def test_the_median_of_several_known_wall_times_is_used(planned: Planned) -> None:
    runs = planned(TEXT).runs
    known = [took(run, wall_s) for run, wall_s in zip(runs, (1.0, 100.0, 3.0), strict=False)]
    assert DurationEstimator(known, cores=4).seconds(runs[0]) == 3.0


def test_trials_sets_and_cost_passes_are_estimated_separately(planned: Planned) -> None:
    plan = planned(TEXT)
    trial, *_, cost = plan.runs
    for other in (plan.set_runs()[0], cost):
        estimate = DurationEstimator([took(trial, 12.5)], cores=4)
        assert estimate.seconds(other) != 12.5
        assert estimate.is_rough


def test_the_wall_time_of_another_cell_is_not_used(planned: Planned) -> None:
    one, other, *_ = planned("name: x\naxes: {epochs: [1, 2]}\ntiming: off").runs
    estimate = DurationEstimator([took(one, 12.5)], cores=4)
    assert estimate.seconds(other) != 12.5
    assert estimate.is_rough


@pytest.mark.parametrize("status", ["failed", "timeout", "skipped", "oom", "diverged"])
def test_a_failed_run_informs_no_estimate(planned: Planned, status: Status) -> None:
    run, *_ = planned(TEXT).runs
    estimate = DurationEstimator([took(run, 0.25, status)], cores=4)
    assert estimate.seconds(run) > START_S
    assert estimate.is_rough


def test_a_skipped_run_takes_no_time_and_is_not_rough(planned: Planned) -> None:
    (run,) = planned("name: x\nbase: {device: cuda}\ntiming: off").runs
    estimate = DurationEstimator([], cores=4)
    assert (estimate.seconds(run), estimate.is_rough) == (0.0, False)


def test_a_rough_estimate_grows_with_the_epochs(planned: Planned) -> None:
    none, one, two = (rough_s(planned, f"epochs: {n}") for n in (0, 1, 2))
    assert none == START_S
    assert two - one == pytest.approx(one - none)
    assert one > none


def test_a_rough_estimate_knows_cores_gpus_and_slow_loaders(planned: Planned) -> None:
    slow = rough_s(planned, "threads: 1")
    assert rough_s(planned, "threads: 4") < slow
    assert rough_s(planned, "threads: 400") == rough_s(planned, "threads: 4")
    assert rough_s(planned, "threads: 1, loader: dataloader") > slow
    assert rough_s(planned, "device: cuda", gpus=("a GPU",)) < rough_s(planned, "threads: 4")


def test_a_rough_estimate_of_a_set_grows_with_its_rounds(planned: Planned) -> None:
    estimate = DurationEstimator([], cores=4)
    plans = [planned(f"name: x\ntiming: {{rounds: {n}}}") for n in (10, 100)]
    few, many = (plan.set_runs()[0] for plan in plans)
    assert START_S < estimate.seconds(few) < estimate.seconds(many)
