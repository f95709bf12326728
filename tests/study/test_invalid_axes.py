"""A value of an axis that makes no cell is named: its axis, its place in it, and why."""

from collections.abc import Callable

import pytest

Refusal = Callable[..., str]


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("{batchsize: [64]}", "axes.batchsize: unknown field. Did you mean 'batch_size'?"),
        ("{seed: [0]}", "axes.seed: unknown field. "),
        ("{'model.': [lenet5]}", "axes.model.: unknown field. Did you mean 'model'?"),
        ("{'.lr': [1]}", "axes..lr: unknown field. Did you mean 'lr'?"),
        ("{datasets.name: [mnist]}", "axes.datasets.name: unknown field. Did you mean 'dataset'?"),
        ("{batch_size: [64, 0]}", "axes.batch_size[1]: expected a value greater than 0, got 0"),
        ("{batch_size: [64, null]}", "axes.batch_size[1]: expected an integer, got null"),
        ("{lr: [0.1, -1]}", "axes.lr[1]: expected a value greater than 0, got -1"),
        ("{optimizer.lr: [.nan]}", "axes.optimizer.lr[0]: expected a finite number, got nan"),
        (
            "{model: [convnet, lenet]}",
            "axes.model[1]: unknown model 'lenet'. Did you mean 'lenet5'?",
        ),
        ("{model: [convnet, 5]}", "axes.model[1]: expected a name or {name: …}"),
        (
            "{model: [{name: convnet, hidden: -1}]}",
            "axes.model[0].hidden: expected a value greater than or equal to 0, got -1",
        ),
        (
            "{dataset: [mnist, mnits]}",
            "axes.dataset[1].name: unknown dataset 'mnits'. Did you mean",
        ),
        ("{compile: [false, on]}", "axes.compile[1]: expected true or false, got 'on'"),
        ("{device: [cpu, gpu]}", "axes.device[1]: expected auto, cpu, cuda or cuda:N"),
        ("{optimizer: [5], optimizer.lr: [1]}", "axes.optimizer[0]: expected a name"),
        ("{optimizer.lr: [1], optimizer: [adm]}", "axes.optimizer[0]: unknown optimizer 'adm'."),
        (
            "{lr: [1], optimizer.lr: [2]}",
            "axes.optimizer.lr: the same field as the axis lr",
        ),
        ("{model.name: [null]}", "axes.model.name[0]: 'name' is missing"),
    ],
)
def test_an_invalid_value_is_reported_at_its_axis(
    refusal: Refusal, axes: str, message: str
) -> None:
    assert refusal(f"name: x\n\naxes: {axes}").startswith(f"study.yaml:3: {message}")


def test_a_parameter_that_one_model_lacks_names_the_axis_its_value_and_the_model(
    refusal: Refusal,
) -> None:
    text = "name: x\naxes:\n  model: [convnet, lenet5]\n  model.hidden:\n    - 250\n    - 500"
    assert refusal(text) == (
        "study.yaml:5: axes.model.hidden[0]: model lenet5 has no parameter 'hidden'. "
        "Did you mean 'hidden2'?"
    )


def test_a_parameter_that_one_optimizer_lacks_names_the_axis(refusal: Refusal) -> None:
    text = "name: x\naxes: {optimizer.momentum: [0.5], optimizer: [sgd, adam]}"
    assert refusal(text).startswith(
        "study.yaml:2: axes.optimizer.momentum[0]: optimizer adam has no parameter 'momentum'."
    )


def test_a_value_on_its_own_line_is_reported_with_that_line(refusal: Refusal) -> None:
    text = "name: x\naxes:\n  batch_size:\n    - 64\n    - -1"
    assert (
        refusal(text) == "study.yaml:5: axes.batch_size[1]: expected a value greater than 0, got -1"
    )


def test_an_error_inside_a_value_is_reported_with_its_line(refusal: Refusal) -> None:
    text = "name: x\naxes:\n  model:\n    - name: convnet\n      hidden: -1"
    assert (
        refusal(text)
        == "study.yaml:5: axes.model[0].hidden: expected a value greater than or equal to 0, got -1"
    )
