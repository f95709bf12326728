"""A candidate is trained on a part of the training set and judged by the rest."""

from pathlib import Path

import numpy as np

from bench.data.embedded_sets import DIGITS
from bench.data.images import ImageSet
from bench.execute.executor import RunContext
from bench.execute.single_run import execute_run
from bench.execute.training_setup import held_out
from bench.measure.machine import Machine
from bench.study.runs import Run, resolve, tuning_runs
from bench.study.spec import Cell, Study

MACHINE = Machine("a CPU", 1, 2**30, "an OS", (), "no CUDA device: made up", (("torch", "1"),))
CELL = {"dataset": "digits", "threads": 1, "device": "cpu", "batch_size": 2048, "model": "mlp"}


def tuning_run(lr: float) -> Run:
    study = Study.model_validate(
        {"name": "x", "timing": "off", "axes": {"lr": [lr, 1.0]}, "tune": {"over": ["lr"]}}
    )
    rates = ({**CELL, "epochs": 1, "optimizer": {"name": "sgd", "lr": r}} for r in (lr, 1.0))
    candidates = [resolve(Cell.model_validate(cell), MACHINE, {}) for cell in rates]
    return next(tuning_runs(study, [candidates]))


def test_the_last_training_images_stand_in_for_the_test_set(digits_dir: Path) -> None:
    whole = DIGITS.read(digits_dir)
    part = held_out(whole, 0.15)
    assert (len(part.train_images), len(part.test_images)) == (51_000, 9_000)
    assert np.array_equal(part.test_images, whole.train_images[51_000:])
    assert np.array_equal(part.test_labels, whole.train_labels[51_000:])
    assert np.array_equal(part.train_images, whole.train_images[:51_000])


def test_of_a_set_sorted_by_class_every_class_is_held_out() -> None:
    labels = np.repeat(np.arange(4), 50)
    pixels = np.arange(200, dtype=np.uint8)[:, None, None, None]
    part = held_out(ImageSet("sorted", pixels, labels, pixels, labels, [0], [1], 4), 0.2, 0.5)
    assert set(part.test_labels) == set(part.train_labels) == {0, 1, 2, 3}
    assert (len(part.train_labels), len(part.test_labels)) == (80, 40)
    for images, own in (
        (part.train_images, part.train_labels),
        (part.test_images, part.test_labels),
    ):
        assert np.array_equal(images[:, 0, 0, 0] // 50, own)


def test_a_tuning_trial_has_a_validation_accuracy(digits_dir: Path) -> None:
    outcome = execute_run(tuning_run(0.05), RunContext(digits_dir), lambda event: None)
    assert outcome.status == "ok", outcome.reason
    assert outcome.trial is None
    assert outcome.epochs == ()
    assert outcome.tuning is not None
    assert outcome.tuning.validation_images == 9_000
    assert 0.2 < (outcome.tuning.validation_accuracy or 0) < 1


def test_a_candidate_that_diverges_is_a_row(digits_dir: Path) -> None:
    outcome = execute_run(tuning_run(1e9), RunContext(digits_dir), lambda event: None)
    assert outcome.status == "diverged"
    assert outcome.tuning is not None
    assert outcome.tuning.status == "diverged"
