"""An invalid `--set` is reported with the option as its place; the rest keeps its line."""

from collections.abc import Callable

import pytest

Refusal = Callable[..., str]

TEXT = "name: x\nbase:\n  epochs: 1\naxes: {batch_size: [64]}\nseeds: [0]\n"


@pytest.mark.parametrize(
    "override",
    ["", "base.epochs", "=1", ".=1", "base.=1", ".base=1", "base..epochs=1", "axes.=[1]"],
)
def test_an_invalid_override_is_refused_with_an_example(refusal: Refusal, override: str) -> None:
    assert refusal(TEXT, override) == (
        f"--set {override}: expected PATH=VALUE, for example --set base.epochs=1"
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("bse.epochs=1", "bse: unknown field. Did you mean 'base'?"),
        ("base.epoch=1", "base.epoch: unknown field. Did you mean 'epochs'?"),
        ("seed=1", "seed: unknown field. Did you mean 'seeds'?"),
        ("seeds[0]=1", "seeds[0]: unknown field. Did you mean 'seeds'?"),
        ("base.epochs=-1", "base.epochs: expected a value greater than or equal to 0, got -1"),
        ("base.epochs=", "base.epochs: expected an integer, got null"),
        ("base.epochs=many", "base.epochs: expected a number, got the text 'many'"),
        ("base.compile=on", "base.compile: expected true or false, got 'on'"),
        ("base.optimizer.lr=-1", "base.optimizer.lr: expected a value greater than 0, got -1"),
        (
            "base.optimizer.momentum=0.9",
            "base.optimizer.momentum: optimizer adam has no parameter 'momentum'. "
            "Known: beta1, beta2, eps, fused, lr, weight_decay.",
        ),
        ("base.model=convet", "base.model: unknown model 'convet'. Did you mean 'convnet'?"),
        ("axes.batch_size=64", "axes.batch_size: expected a list, got 64"),
        ("axes.batch_size=[64, -1]", "axes.batch_size[1]: expected a value greater than 0, got -1"),
        ("axes.optimizer.lr=[0]", "axes.optimizer.lr[0]: expected a value greater than 0, got 0"),
        ("axes.batchsize=[64]", "axes.batchsize: unknown field. Did you mean 'batch_size'?"),
        ("name=../x", "name: expected lowercase letters, digits, _ and -"),
        ("timing=on", "timing: expected off or a mapping such as {sets: 12}"),
        ("target_accuracy=98", "target_accuracy: expected a value less than or equal to 1, got 98"),
    ],
)
def test_an_invalid_override_is_reported_like_a_files_error(
    refusal: Refusal, override: str, message: str
) -> None:
    assert refusal(TEXT, override).startswith(f"--set {override}: {message}")


@pytest.mark.parametrize(
    ("override", "field"),
    [
        ("name.x=1", "name"),
        ("seeds.0=1", "seeds"),
        ("base.epochs.x=1", "base.epochs"),
        ("include.0.model=lenet5", "include"),
    ],
)
def test_a_field_of_a_scalar(refusal: Refusal, override: str, field: str) -> None:
    assert refusal(TEXT + "include: []", override) == f"--set {override}: {field} has no fields"


def test_a_value_that_is_not_yaml(refusal: Refusal) -> None:
    assert refusal(TEXT, "base.epochs=[1") == (
        "--set base.epochs=[1: is not valid YAML: expected ',' or ']', but got '<stream end>'"
    )
    assert refusal(TEXT, "base={a: 1, a: 2}") == (
        "--set base={a: 1, a: 2}: a: duplicate key, first on line 1"
    )


def test_an_error_in_a_replaced_mapping_is_reported_at_the_override(
    refusal: Refusal,
) -> None:
    text = "name: x\nbase:\n  model:\n    name: convnet\n    hidden: 5"
    override = "base.model={name: convnet, hidden: -1}"
    assert refusal(text, override) == (
        f"--set {override}: base.model.hidden: expected a value greater than or equal to 0, got -1"
    )


def test_an_error_in_the_file_keeps_its_line_with_an_override(refusal: Refusal) -> None:
    assert refusal("name: x\nseeds: []", "base.epochs=1") == (
        "study.yaml:2: seeds: expected at least one value"
    )


def test_everything_in_an_overridden_value_is_located_at_the_override(refusal: Refusal) -> None:
    assert refusal(
        "name: x\nbase:\n  model: {name: convnet, hidden: 5}", "base.model={hidden: 5}"
    ) == ("--set base.model={hidden: 5}: base.model: 'name' is missing")
