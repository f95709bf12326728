"""Layers that take their shapes from the first images are trained and timed as others are."""

from collections.abc import Callable
from pathlib import Path

import torch

from bench.data.images import GREY_DIGITS
from bench.execute import EXECUTORS
from bench.execute.executor import RunContext
from bench.execute.training_setup import build_model
from bench.records import Outcome
from bench.study.runs import Run
from bench.study.spec import Cell

Runs = Callable[..., list[Run]]
TIMING = {"sets": 1, "rounds": 1, "epochs": 0}

SHAPES = dict.fromkeys(("digits", "mnist"), GREY_DIGITS)


def outcome_of(run: Run, folder: Path) -> Outcome:
    (outcome,) = EXECUTORS["inline"]().execute([run], RunContext(folder), lambda event: None)
    return outcome


def test_layers_that_take_their_shapes_from_the_first_images_are_trained_and_timed(
    networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    config = {"model": {"import": f"{networks}:Lazy"}, "batch_size": 10_000, "epochs": 1}
    assert EXECUTORS["inline"]().check([runs_of(config)[0].cell], SHAPES) == []
    for kind in ("trial", "cost", "block"):
        outcome = outcome_of(runs_of(config, kind, timing=TIMING)[0], digits_dir)
        assert outcome.status == "ok", outcome.reason


def test_the_first_images_leave_nothing_behind_but_shapes(networks: str) -> None:
    cell = Cell.model_validate({"model": {"import": f"{networks}:Lazy"}})
    model = build_model(cell, GREY_DIGITS)
    assert model.training
    assert model.norm.num_batches_tracked == 0
    assert torch.equal(model.norm.running_mean, torch.zeros(2))
    assert all(parameter.grad is None for parameter in model.parameters())
