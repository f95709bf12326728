"""What a study imports is built and used as what is built in, and checked before the first run."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from own_components import Counting

from bench.data.images import GREY_DIGITS
from bench.execute import EXECUTORS
from bench.execute.executor import RunContext, never
from bench.records import Outcome
from bench.study.runs import Run

Runs = Callable[..., list[Run]]

SHAPES = dict.fromkeys(("digits", "mnist"), GREY_DIGITS)
NETWORK = {"name": "mlp", "hidden": 16}
OWN = "own_components"
PAIRS = {
    "an optimizer": ({"optimizer": "adam"}, {"optimizer": {"import": f"{OWN}:adam"}}),
    "torch's optimizer": (
        {"optimizer": {"name": "adam", "lr": 0.01}},
        {"optimizer": {"import": "torch.optim:Adam", "lr": 0.01}},
    ),
    "a schedule by epoch": (
        {"schedule": {"name": "step", "every_epochs": 1}, "epochs": 2},
        {"schedule": {"import": f"{OWN}:halving", "every": "epoch"}, "epochs": 2},
    ),
    "a schedule by step": (
        {"schedule": {"name": "cosine"}},
        {
            "schedule": {
                "import": "torch.optim.lr_scheduler:CosineAnnealingLR",
                "T_max": 30,  # the steps of an epoch of batches of 2,048
            }
        },
    ),
    "a loss": ({}, {"loss": {"import": f"{OWN}:cross_entropy"}}),
    "a loss that is an instance": ({}, {"loss": {"import": f"{OWN}:CrossEntropy"}}),
    "torch's loss": (
        {"label_smoothing": 0.1, "loss": "cross_entropy"},
        {"loss": {"import": "torch.nn:CrossEntropyLoss", "label_smoothing": 0.1}},
    ),
    "the loss by name": ({}, {"loss": "cross_entropy"}),
    "a batch's augmentation": ({}, {"augmentation": {"import": f"{OWN}:nothing"}}),
    "an image's augmentation": (
        {},
        {"augmentation": {"import": f"{OWN}:OneImage", "per": "image"}},
    ),
    "torchvision's augmentation": (
        {},
        {"augmentation": {"import": "torchvision.transforms.v2:RandomRotation", "degrees": 0}},
    ),
    "a training step": (
        {"schedule": "cosine", "clip_norm": 0.5, "averaging": "ema"},
        {
            **{"schedule": "cosine", "clip_norm": 0.5, "averaging": "ema"},
            "training_step": {"import": f"{OWN}:plain_step"},
        },
    ),
    "an average": (
        {"averaging": {"name": "tail", "fraction": 0.99999}},
        {"averaging": {"import": "torch.optim.swa_utils:AveragedModel", "use_buffers": True}},
    ),
}


def trained(cell: dict[str, Any], digits_dir: Path, runs_of: Runs) -> Outcome:
    runs = runs_of({"model": NETWORK, **cell})
    executor = EXECUTORS["inline"]()
    assert executor.check([run.cell for run in runs], SHAPES) == []
    (outcome,) = executor.execute(runs, RunContext(digits_dir), lambda event: None, never)
    assert outcome.status == "ok", outcome.traceback
    return outcome


@pytest.mark.parametrize("pair", PAIRS)
def test_an_imported_component_trains_as_the_built_in_one(
    pair: str, digits_dir: Path, runs_of: Runs
) -> None:
    built_in, imported = (trained(cell, digits_dir, runs_of) for cell in PAIRS[pair])
    ours, theirs = (
        [(e.train_loss, e.test_accuracy) for e in outcome.epochs]
        for outcome in (built_in, imported)
    )
    assert ours == theirs


def test_what_an_augmentation_and_an_initialisation_do_counts(
    digits_dir: Path, runs_of: Runs
) -> None:
    blind = trained({"augmentation": {"import": f"{OWN}:black"}}, digits_dir, runs_of)
    dead = trained({"initialisation": {"import": f"{OWN}:zeros"}}, digits_dir, runs_of)
    for outcome in (blind, dead):
        assert outcome.epochs[-1].test_accuracy < 0.3  # of ten classes


@pytest.mark.parametrize(
    "augmentation", ["mixup", "cutmix", {"import": f"{OWN}:Averaged"}], ids=str
)
@pytest.mark.parametrize("loader", ["resident", "dataloader"])
def test_mixed_labels_are_harder_to_fit(
    augmentation: Any, loader: str, digits_dir: Path, runs_of: Runs
) -> None:
    common = {"loader": loader, "label_smoothing": 0.1}
    mixed, plain = (
        trained({**common, "augmentation": name}, digits_dir, runs_of).epochs[-1]
        for name in (augmentation, "none")
    )
    assert mixed.train_loss is not None and plain.train_loss is not None
    assert mixed.train_loss > plain.train_loss
    assert mixed.test_accuracy > 0.3


@pytest.mark.parametrize("loss", ["default", "cross_entropy", "nll", "square"])
@pytest.mark.parametrize("model", ["mlp", "lenet5_1998"])
def test_every_loss_takes_mixed_labels(model: str, loss: str, runs_of: Runs) -> None:
    (run,) = runs_of({"model": model, "loss": loss, "augmentation": "mixup"})
    assert EXECUTORS["inline"]().check([run.cell], SHAPES) == []


def test_a_loss_of_labels_only_is_refused_with_mixed_ones(runs_of: Runs) -> None:
    loss = {"import": f"{OWN}:labels_only"}
    (run,) = runs_of({"model": NETWORK, "loss": loss, "augmentation": "cutmix"})
    (problem,) = EXECUTORS["inline"]().check([run.cell], SHAPES)
    assert problem.startswith(
        f"augmentation cutmix: mixes labels, but model mlp and loss {OWN}:labels_only "
        "can't take probabilities float32 (2, 10): RuntimeError: "
    )
    assert problem.count("own_components.py, line ") == 1


def test_an_augmentation_of_single_images_takes_no_labels(runs_of: Runs) -> None:
    augmentation = {"import": f"{OWN}:wide_targets", "per": "image"}
    (run,) = runs_of({"model": NETWORK, "augmentation": augmentation})
    (problem,) = EXECUTORS["inline"]().check([run.cell], SHAPES)
    assert problem.endswith("it needs per: batch")


def test_what_a_training_step_does_counts(digits_dir: Path, runs_of: Runs) -> None:
    sharp = {"training_step": {"import": f"{OWN}:SharpnessAware", "rho": 0.5}}
    aware, plain = (trained(cell, digits_dir, runs_of) for cell in (sharp, {}))
    assert aware.epochs[0].train_loss != plain.epochs[0].train_loss
    assert aware.trial is not None and plain.trial is not None
    assert aware.trial.steps == plain.trial.steps


def test_the_plateau_of_the_training_loss_lowers_the_rate(digits_dir: Path, runs_of: Runs) -> None:
    plateau = "torch.optim.lr_scheduler:ReduceLROnPlateau"
    schedule = {"import": plateau, "every": "epoch", "patience": 0}
    assert trained({"schedule": schedule, "epochs": 2}, digits_dir, runs_of).epochs


def test_hooks_are_called_before_after_each_step_and_after_each_epoch(
    digits_dir: Path, runs_of: Runs
) -> None:
    cell = {"hooks": [{"import": f"{OWN}:Counting"}], "epochs": 2, "batch_size": 20_000}
    (run,) = runs_of({"model": NETWORK, **cell})
    executor = EXECUTORS["inline"]()
    Counting.calls.clear()
    (outcome,) = executor.execute([run], RunContext(digits_dir), lambda event: None, never)
    assert outcome.status == "ok", outcome.traceback
    assert Counting.calls == [
        *(("before", 0, 0), ("step", 1, 0), ("step", 2, 0), ("step", 3, 0), ("epoch", 3, 1)),
        *(("step", 4, 1), ("step", 5, 1), ("step", 6, 1), ("epoch", 6, 2)),
    ]


def test_what_a_hook_changes_counts(digits_dir: Path, runs_of: Runs) -> None:
    # The first step has the rate of the study, all others twice as much.
    hooked = trained({"hooks": [{"import": f"{OWN}:Doubling"}]}, digits_dir, runs_of)
    plain = trained({}, digits_dir, runs_of)
    assert hooked.epochs[0].train_loss != plain.epochs[0].train_loss


def test_frozen_layers_stay_as_they_are(digits_dir: Path, runs_of: Runs) -> None:
    freeze = {"name": "freeze", "layers": "output", "epochs": 1}
    cells = [{"hooks": hooks, "epochs": epochs} for hooks, epochs in (([freeze], 2), ([], 2))]
    frozen, free = (trained(cell, digits_dir, runs_of).epochs for cell in cells)
    assert frozen[0].train_loss == free[0].train_loss
    assert frozen[1].train_loss != free[1].train_loss


REFUSED = {
    "optimizer": {
        "a_list": "expected a torch.optim.Optimizer, got a list",
        "muon": "ValueError: Muon only supports 2D parameters",
        "leaves": "SystemExit: 3 (own_components.py, line ",
    },
    "schedule": {
        "a_list": "expected a scheduler of torch.optim.lr_scheduler, got a list",
        "broken": "RuntimeError: the cheese is out (own_components.py, line ",
        "NUMBER": "expected a function or a class, got 3",
    },
    "loss": {
        "per_image_loss": "expected the loss to be a tensor of one number, got shape (2,)",
        "a_list": "expected the loss to be a tensor of one number, got list",
    },
    "augmentation": {
        "smaller": "expected float32 (2, 1, 28, 28), got float32 (2, 1, 26, 26)",
        "whole": "expected float32 (2, 1, 28, 28), got int64 (2, 1, 28, 28)",
        "a_list": "expected a tensor of images, got list",
        "without_targets": "takes labels: expected images and targets, got Tensor",
        "wide_targets": "expected targets float32 (2, 10), got float32 (2, 11)",
    },
    "averaging": {
        "Forgetful": "expected torch's AveragedModel, or an object with after_step(model, steps) ",
    },
    "training_step": {
        "idle_step": "expected a call of training.update(), got none",
        "lossless_step": "expected the loss to be a tensor of one number, got NoneType",
        "misnamed_step": "ValueError: expected the phase forward, backward or optimizer, got 'fore",
    },
    "initialisation": {"broken": "RuntimeError: the cheese is out (own_components.py, line "},
}


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        (
            {"import": f"{OWN}:Silent"},
            "expected an object with a method before_training, after_step or ",
        ),
        ({"import": f"{OWN}:Failing"}, "RuntimeError: too late"),
        ({"name": "freeze", "layers": "conv"}, "ValueError: no parameter starts with 'conv'"),
        ({"name": "freeze", "layers": ""}, "ValueError: all parameters start with ''"),
    ],
)
def test_a_hook_that_fails_is_found_before_the_first_run(
    hook: dict[str, Any], message: str, runs_of: Runs
) -> None:
    (run,) = runs_of({"model": NETWORK, "hooks": [hook]})
    (problem,) = EXECUTORS["inline"]().check([run.cell], SHAPES)
    assert problem.startswith(f"hook {hook.get('import', 'freeze')}: ")
    assert message in problem


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_a_mistake_is_found_before_the_first_run(executor: str, runs_of: Runs) -> None:
    expected = {(kind, name): text for kind, by in REFUSED.items() for name, text in by.items()}
    cells = [
        runs_of({"model": NETWORK, kind: {"import": f"{OWN}:{name}"}})[0].cell
        for kind, name in expected
    ]
    problems = EXECUTORS[executor]().check(cells, SHAPES)
    assert len(problems) == len(expected)
    for problem, ((kind, name), text) in zip(problems, expected.items(), strict=True):
        assert problem.startswith(f"{kind.replace('_', ' ')} {OWN}:{name}: ")
        assert text in problem


def test_a_component_of_many_cells_is_reported_once(runs_of: Runs) -> None:
    broken = {"import": f"{OWN}:broken"}
    cells = [
        runs_of({"model": NETWORK, "schedule": broken, "batch_size": n})[0].cell for n in (8, 9)
    ]
    assert len(EXECUTORS["inline"]().check(cells, SHAPES)) == 1


def test_a_schedule_that_is_not_returned_is_no_schedule(runs_of: Runs) -> None:
    (run,) = runs_of({"model": NETWORK, "schedule": {"import": f"{OWN}:forgetful"}})
    (problem,) = EXECUTORS["inline"]().check([run.cell], SHAPES)
    assert problem.endswith("expected a scheduler of torch.optim.lr_scheduler, got a NoneType")


def test_a_run_that_fails_says_where(digits_dir: Path, runs_of: Runs) -> None:
    (run,) = runs_of({"model": {"import": f"{OWN}:LateFailure"}})
    (outcome,) = EXECUTORS["inline"]().execute([run], RunContext(digits_dir), lambda event: None)
    assert outcome.status == "failed"
    assert re.fullmatch(
        r"RuntimeError: not today \(own_components\.py, line \d+\)", outcome.reason or ""
    )
