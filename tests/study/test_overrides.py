"""`--set PATH=VALUE` sets any field of a study, as if the file had message so."""

from collections.abc import Callable

import pytest

from bench.study.spec import Cell, Study

Loaded = Callable[..., Study]
CellsOf = Callable[..., list[Cell]]


@pytest.mark.parametrize("text", ["name: x", "name: x\nbase:", "name: x\nbase: {epochs: 5}"])
def test_a_field_of_the_base(loaded: Loaded, text: str) -> None:
    assert loaded(text, "base.epochs=1").base.epochs == 1


def test_a_field_of_the_study(loaded: Loaded) -> None:
    study = loaded(
        "name: x\nseeds: [5]",
        "name=y",
        "seeds=[1, 2]",
        "target_accuracy=0.98",
        "description=two words",
        "limits.trial_timeout=10m",
    )
    assert (study.name, study.seeds, study.target_accuracy) == ("y", [1, 2], 0.98)
    assert (study.description, study.limits.trial_timeout) == ("two words", 600)


@pytest.mark.parametrize(
    "base",
    ["", "base: {optimizer: sgd}", "base: {optimizer: {name: sgd}}", "base: {optimizer: null}"],
)
def test_a_parameter_of_an_optimizer_however_that_is_written(loaded: Loaded, base: str) -> None:
    study = loaded(f"name: x\n{base}", "base.optimizer.lr=0.25")
    assert study.base.optimizer.parameters["lr"] == 0.25
    assert study.base.optimizer.name == ("sgd" if "sgd" in base else "adam")


def test_a_parameter_leaves_the_others_as_they_are(loaded: Loaded) -> None:
    study = loaded(
        "name: x\nbase: {optimizer: {name: sgd, lr: 0.1, momentum: 0.9}}",
        "base.optimizer.momentum=0.5",
    )
    assert study.base.optimizer.parameters["lr"] == 0.1
    assert study.base.optimizer.parameters["momentum"] == 0.5


def test_a_part_of_the_default_data_set(loaded: Loaded) -> None:
    assert loaded("name: x", "base.dataset.fallback=null").base.dataset.fallback is None
    study = loaded("name: x", "base.dataset.name=kmnist")
    assert (study.base.dataset.name, study.base.dataset.fallback) == ("kmnist", "digits")


def test_an_axis_is_named_by_its_full_path(loaded: Loaded) -> None:
    study = loaded(
        "name: x\naxes: {batch_size: [32]}",
        "axes.batch_size=[64,512]",
        "axes.optimizer.lr=[0.1, 1e-2]",
        "axes.model=[{name: convnet, hidden: 250}]",
    )
    assert study.axes == {
        "batch_size": [64, 512],
        "optimizer.lr": [0.1, 0.01],
        "model": [{"name": "convnet", "hidden": 250}],
    }


def test_all_axes_at_once(cells_of: CellsOf) -> None:
    assert len(cells_of("name: x\naxes: {epochs: [1, 2]}", "axes={}")) == 1


@pytest.mark.parametrize(
    ("timing", "rounds"),
    [("", 20), ("timing: off", 20), ("timing: {rounds: 30}", 30), ("timing:", 20)],
)
def test_a_part_of_the_timing_turns_it_on(loaded: Loaded, timing: str, rounds: int) -> None:
    study = loaded(f"name: x\n{timing}", "timing.sets=2")
    assert study.timing is not None
    assert (study.timing.sets, study.timing.rounds) == (2, rounds)


def test_an_older_file_is_overridden_by_the_new_name(loaded: Loaded) -> None:
    timing = loaded("name: x\ntiming: {blocks: 12}", "timing.sets=3").timing
    assert timing is not None
    assert timing.sets == 3


def test_timing_off(loaded: Loaded) -> None:
    assert loaded("name: x\ntiming: {sets: 2}", "timing=off").timing is None


def test_the_last_of_several_overrides_wins(loaded: Loaded) -> None:
    study = loaded("name: x", "base.epochs=1", "base={epochs: 2, batch_size: 8}", "base.epochs=3")
    assert (study.base.epochs, study.base.batch_size) == (3, 8)


def test_blanks_around_path_and_value_are_ignored(loaded: Loaded) -> None:
    assert loaded("name: x", " base . epochs = 3 ").base.epochs == 3


def test_the_value_may_have_an_equals_sign(loaded: Loaded) -> None:
    assert loaded("name: x", "description=a=b").description == "a=b"


def test_overriding_an_alias_changes_one_place_only(loaded: Loaded) -> None:
    text = "name: x\nbase: {optimizer: &o {name: sgd, lr: 0.1}}\naxes: {optimizer: [adam, *o]}"
    study = loaded(text, "base.optimizer.lr=0.5")
    assert study.base.optimizer.parameters["lr"] == 0.5
    assert study.axes["optimizer"][1] == {"name": "sgd", "lr": 0.1}
