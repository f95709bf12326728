"""A study that says nothing but its name is the reference document's set-up."""

from collections.abc import Callable

from bench.study.spec import Cell, Study

REFERENCE = {
    "model": "convnet",
    "dataset": "mnist",
    "batch_size": 512,
    "optimizer": "adam",
    "lr": 0.001,
    "device": "auto",
    "precision": "fp32",
    "memory_format": "contiguous",
    "compile": False,
    "loader": "resident",
    "threads": "auto",
    "schedule": "constant",
    "epochs": 20,
}
NETWORK = {
    "model.conv1_channels": 10,
    "model.conv1_kernel": 5,
    "model.conv2_channels": 20,
    "model.conv2_kernel": 3,
    "model.hidden": 500,
    "model.activation": "relu",
    "model.pooling": "max",
    "model.classes": 10,
}


def test_a_cell_of_defaults_is_the_reference() -> None:
    flat = Cell().flat()
    assert REFERENCE.items() <= flat.items()
    assert NETWORK.items() <= flat.items()


def test_mnist_by_default_falls_back_to_digits() -> None:
    assert Cell().dataset.fallback == "digits"


def test_mnist_by_its_name_alone_has_no_fallback(
    loaded: Callable[..., Study],
) -> None:
    study = loaded("name: x\nbase: {dataset: mnist}")
    assert (study.base.dataset.name, study.base.dataset.fallback) == ("mnist", None)


def test_a_study_of_defaults_has_one_cell_one_seed_and_a_minute_of_timing_sets(
    loaded: Callable[..., Study],
) -> None:
    study = loaded("name: x")
    assert study.base == Cell()
    assert (study.axes, study.design, study.seeds) == ({}, "full", [0])
    assert study.timing is not None
    assert (study.timing.sets, study.timing.budget, study.timing.rounds) == (None, 60, 20)
    assert (study.target_accuracy, study.limits.trial_timeout) == (None, None)
