"""What a trial, a part of a timing set and a cost pass report."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench.execute import EXECUTORS
from bench.execute.executor import RunContext
from bench.records import PHASES, Outcome
from bench.study.runs import Run

Runs = Callable[..., list[Run]]
Import = dict[str, str]


@pytest.fixture
def quick(networks: str) -> Import:
    """Name a network that trains an epoch in a fraction of a second."""
    return {"import": f"{networks}:Plain"}


def outcomes(runs: list[Run], folder: Path, executor: str = "inline") -> list[Outcome]:
    return list(EXECUTORS[executor]().execute(runs, RunContext(folder), lambda event: None))


def test_times_of_two_seeds_and_two_epochs_add_up(
    digits_dir: Path, runs_of: Runs, quick: Import
) -> None:
    runs = runs_of({"model": quick, "epochs": 2}, seeds=[4, 5], target_accuracy=0.05)
    first, second = outcomes(runs, digits_dir)
    trial, epochs = first.trial, first.epochs
    assert trial is not None
    assert [e.epoch for e in epochs] == [1, 2]
    assert trial.seed == 4
    assert trial.epochs_done == 2
    assert trial.train_s == epochs[-1].elapsed_train_s
    assert trial.train_s == pytest.approx(sum(e.train_s or 0 for e in epochs))
    assert trial.images_per_s == pytest.approx(120_000 / trial.train_s)
    assert trial.test_accuracy == epochs[-1].test_accuracy
    assert trial.best_test_accuracy == max(e.test_accuracy for e in epochs)
    assert trial.time_to_target_s == epochs[0].elapsed_train_s
    assert trial.wall_s is not None
    assert trial.wall_s > trial.train_s
    assert trial.parameters == 784 * 4 + 4 + 4 * 10 + 10
    assert (trial.peak_memory_bytes or 0) > 2**27
    assert second.trial is not None
    assert second.trial.test_loss != trial.test_loss


def test_the_same_seed_gives_the_same_losses_in_another_process(
    digits_dir: Path, runs_of: Runs, quick: Import
) -> None:
    runs = runs_of({"model": quick})
    (here,) = outcomes(runs, digits_dir)
    (there,) = outcomes(runs, digits_dir, "local")
    assert here.epochs[0].train_loss == there.epochs[0].train_loss
    assert here.epochs[0].test_loss == there.epochs[0].test_loss


def test_a_missed_target_has_infinite_time(digits_dir: Path, runs_of: Runs, quick: Import) -> None:
    (outcome,) = outcomes(runs_of({"model": quick}, target_accuracy=1.0), digits_dir)
    assert outcome.trial is not None
    assert outcome.trial.time_to_target_s == math.inf


def test_no_epochs_means_one_evaluation_and_no_training(
    digits_dir: Path, runs_of: Runs, quick: Import
) -> None:
    (outcome,) = outcomes(runs_of({"model": quick, "epochs": 0}), digits_dir)
    assert outcome.trial is not None
    assert outcome.trial.train_s is None
    assert outcome.trial.images_per_s is None
    (epoch,) = outcome.epochs
    assert (epoch.epoch, epoch.train_loss, epoch.train_s) == (0, None, None)
    assert 0 <= epoch.test_accuracy <= 1


def test_a_timing_set_times_every_phase(digits_dir: Path, runs_of: Runs, quick: Import) -> None:
    timing = {"sets": 1, "rounds": 4, "epochs": 1}
    runs = runs_of({"model": quick, "batch_size": 256}, "block", timing=timing)
    both = outcomes(runs, digits_dir)
    for outcome in both:
        timed = [row for row in outcome.timings if not row.is_warmup]
        counts = {phase: sum(row.phase == phase for row in timed) for phase in PHASES}
        assert counts == dict.fromkeys(PHASES, 4) | {"device": 0, "epoch": 1, "eval": 1}
        assert all((row.seconds or 0) > 0 for row in outcome.timings)
        assert outcome.timings[0].is_warmup
        assert outcome.timings[0].phase == "step"
        assert {row.role for row in outcome.timings} == {outcome.block and outcome.block.role}
    assert {outcome.block and outcome.block.role for outcome in both} == {"planned", "twin"}
    for outcome in both:
        says_what_the_machine_did_meanwhile(outcome)


def says_what_the_machine_did_meanwhile(outcome: Outcome) -> None:
    block = outcome.block
    assert block is not None
    assert (block.status, block.block, block.train_images) == ("ok", 0, 60_000)
    assert block.started_at == outcome.started_at
    assert block.wall_s == outcome.wall_s > 0
    measured = (
        block.calibration_before_s, block.calibration_after_s, block.cpu_over_wall,
        block.peak_flops_per_s, block.peak_bytes_per_s, block.two_images_s,
    )  # fmt: skip
    assert all(value is not None and value > 0 for value in measured)
    assert block.gpu_clock_mhz is None


def test_a_cost_pass_counts_a_step_and_measures_its_memory(
    digits_dir: Path, runs_of: Runs, quick: Import
) -> None:
    (outcome,) = outcomes(runs_of({"model": quick, "batch_size": 256}, "cost"), digits_dir)
    cost = outcome.cost
    assert cost is not None, outcome.reason
    # Two a weight and image for the forward pass, two for the weights' gradient, and two for
    # what is passed back: from the second layer alone, images need no gradient.
    assert cost.step_flops == 256 * (2 * 2 * 784 * 4 + 3 * 2 * 4 * 10)
    assert cost.flops_per_image == cost.step_flops / 256
    assert (cost.step_bytes or 0) > 256 * 784 * 4
    assert (cost.step_operations or 0) > 10
    assert (cost.step_peak_bytes or 0) >= (cost.step_base_bytes or 0) > 2**25
    assert (outcome.trial, outcome.block, outcome.timings) == (None, None, ())


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "bf16"},
        {"memory_format": "channels_last"},
        {"schedule": "cosine"},
        {"schedule": "one_cycle"},
        {"loader": "dataloader", "epochs": 0},
    ],
    ids=str,
)
def test_every_way_to_train_trains(
    change: dict[str, object], digits_dir: Path, runs_of: Runs, quick: Import
) -> None:
    (outcome,) = outcomes(runs_of({"model": quick, **change}), digits_dir)
    assert outcome.status == "ok", outcome.reason


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_a_gpu_trains_and_times(precision: str, digits_dir: Path, runs_of: Runs) -> None:
    from bench.measure.machine import this_machine
    from bench.study.runs import resolve, trial_and_cost_runs
    from bench.study.spec import Cell, Study
    from bench.study.timing_sets import set_runs

    declared = {"dataset": "digits", "device": "cuda", "precision": precision, "epochs": 1}
    cell = resolve(Cell.model_validate(declared), this_machine(), {})
    study = Study.model_validate({"name": "gpu", "timing": {"sets": 1, "rounds": 3}})
    runs = [*trial_and_cost_runs(study, [cell]), *set_runs(study, [cell], [], [], 1)]
    trial, cost, block, _ = outcomes(runs, digits_dir, "local")
    assert [o.reason for o in (trial, cost, block)] == [None] * 3
    assert {row.phase for row in block.timings} == set(PHASES)
    assert cost.cost is not None
    assert (cost.cost.step_device_bytes or 0) > 0
    assert "gpu" in trial.environment


@pytest.mark.cuda
@pytest.mark.parametrize("model", ["convnet", "lenet5", "cnn_bn"])
def test_a_gpu_is_bitwise_repeatable_with_deterministic(model: str, digits_dir: Path) -> None:
    from bench.measure.machine import this_machine
    from bench.study.runs import resolve, trial_and_cost_runs
    from bench.study.spec import Cell, Study

    declared = {"model": model, "dataset": "digits", "device": "cuda", "epochs": 1}
    cell = resolve(Cell.model_validate(declared | {"deterministic": True}), this_machine(), {})
    study = Study.model_validate({"name": "gpu", "timing": "off"})
    trial, _ = trial_and_cost_runs(study, [cell])
    first, again = outcomes([trial, trial], digits_dir, "local")
    assert first.reason is None
    losses = [[(e.train_loss, e.test_loss) for e in done.epochs] for done in (first, again)]
    assert losses[0] == losses[1]


def test_deterministic_kernels_are_set_for_their_run_only(
    digits_dir: Path, runs_of: Runs, quick: Import
) -> None:
    requested: list[bool] = []
    for deterministic in (True, False):
        (outcome,) = outcomes(
            runs_of({"model": quick, "deterministic": deterministic}), digits_dir, "inline"
        )
        assert outcome.status == "ok", outcome.reason
        requested.append(torch.are_deterministic_algorithms_enabled())
    assert requested == [True, False]
