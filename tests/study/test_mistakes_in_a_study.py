"""Each mistake is told with file, line, the field's path, what is wrong, and what is valid."""

from collections.abc import Callable

import pytest

Refusal = Callable[..., str]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("bse: 1", "bse: unknown field. Did you mean 'base'?"),
        ("base: {epoch: 1}", "base.epoch: unknown field. Did you mean 'epochs'?"),
        ("timing: {block: 1}", "timing.block: unknown field. Did you mean 'blocks'?"),
        ("limits: {timeout: 1}", "limits.timeout: unknown field. Did you mean 'trial_timeout'?"),
        (
            "base: {dataset: {name: mnist, fall_back: digits}}",
            "base.dataset.fall_back: unknown field. Did you mean 'fallback'?",
        ),
        (
            "base: {lr: 0.1}",
            "base.lr: unknown field. It belongs to the optimizer: optimizer: {name: adam, lr: …}.",
        ),
    ],
)
def test_an_unknown_field(refusal: Refusal, field: str, said: str) -> None:
    assert refusal(f"name: x\n\n{field}") == f"study.yaml:3: {said}"


def test_a_field_that_is_near_none_is_told_the_known_ones(refusal: Refusal) -> None:
    assert refusal("name: x\nlimits: {qqq: 1}") == (
        "study.yaml:2: limits.qqq: unknown field. Known: trial_timeout."
    )


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("model: convnett", "base.model: unknown model 'convnett'. Did you mean 'convnet'?"),
        ("model: {name: lenet}", "base.model: unknown model 'lenet'. Did you mean 'lenet5'?"),
        ("optimizer: adamm", "base.optimizer: unknown optimizer 'adamm'. Did you mean 'adam"),
        ("schedule: cosin", "base.schedule: unknown schedule 'cosin'. Did you mean 'cosine'?"),
        ("dataset: mnits", "base.dataset.name: unknown dataset 'mnits'. Did you mean 'mnist'?"),
        (
            "dataset: {name: mnist, fallback: digit}",
            "base.dataset.fallback: unknown dataset 'digit'. Did you mean 'digits'?",
        ),
        (
            "optimizer: {name: sgd, momentun: 0.9}",
            "base.optimizer.momentun: optimizer sgd has no parameter 'momentun'. "
            "Did you mean 'momentum'?",
        ),
        (
            "schedule: {name: constant, gamma: 0.9}",
            "base.schedule.gamma: schedule constant has no parameter 'gamma'. It has none.",
        ),
    ],
)
def test_an_unknown_name(refusal: Refusal, field: str, said: str) -> None:
    assert refusal(f"name: x\nbase:\n  {field}").startswith(f"study.yaml:3: {said}")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (
            "precision: fp_16",
            "base.precision: 'fp_16' is not one of its values. Did you mean 'fp16'?",
        ),
        (
            "loader: 5",
            "base.loader: a name is asked for, or {name: …}",
        ),
        (
            "model: {name: convnet, activation: rellu}",
            "base.model.activation: 'rellu' is not one of its values. Did you mean 'relu'?",
        ),
        ("device: gpu", "base.device: a device is auto, cpu, cuda or cuda:N"),
        ("device: 'cuda:'", "base.device: a device is auto, cpu, cuda or cuda:N"),
        ("threads: 0", "base.threads: threads is auto or a positive whole number"),
        ("threads: true", "base.threads: threads is auto or a positive whole number"),
    ],
)
def test_a_value_that_is_not_one_of_a_fields(refusal: Refusal, field: str, said: str) -> None:
    assert refusal(f"name: x\nbase:\n  {field}") == f"study.yaml:3: {said}"


def test_an_unknown_design(refusal: Refusal) -> None:
    assert refusal("name: x\ndesign: grid") == (
        "study.yaml:2: design: 'grid' is not one of its values. Known: full, one_at_a_time, pairs."
    )


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("batch_size: 0", "base.batch_size: should be greater than 0, not 0"),
        ("batch_size: -64", "base.batch_size: should be greater than 0, not -64"),
        ("batch_size: 1.5", "base.batch_size: should be a whole number, not 1.5"),
        ("batch_size: .inf", "base.batch_size: should be a finite number, not inf"),
        ("batch_size: .nan", "base.batch_size: should be a finite number, not nan"),
        ("batch_size: true", "base.batch_size: a number is asked for, not true or false"),
        ("batch_size: '64'", "base.batch_size: a number is asked for, not the text '64'"),
        ("batch_size: many", "base.batch_size: a number is asked for, not the text 'many'"),
        ("batch_size: [64]", "base.batch_size: should be a whole number, not [64]"),
        ("batch_size:", "base.batch_size: should be a whole number, not null"),
        ("epochs: -1", "base.epochs: should be greater than or equal to 0, not -1"),
        (
            "optimizer: {name: sgd, lr: -0.1}",
            "base.optimizer.lr: should be greater than 0, not -0.1",
        ),
        (
            "optimizer: {name: sgd, lr: .inf}",
            "base.optimizer.lr: should be a finite number, not inf",
        ),
        (
            "optimizer: {name: sgd, lr: .nan}",
            "base.optimizer.lr: should be a finite number, not nan",
        ),
        (
            "optimizer: {name: sgd, momentum: 1}",
            "base.optimizer.momentum: should be less than 1, not 1",
        ),
        (
            "optimizer: {name: sgd, lr: true}",
            "base.optimizer.lr: a number is asked for, not true or false",
        ),
        (
            "model: {name: convnet, hidden: '250'}",
            "base.model.hidden: a number is asked for, not the text '250'",
        ),
    ],
)
def test_a_number_that_cannot_be(refusal: Refusal, field: str, said: str) -> None:
    assert refusal(f"name: x\nbase:\n  {field}") == f"study.yaml:3: {said}"


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("base: 5", "base: should be a mapping of fields, not 5"),
        ("base: {compile: on}", "base.compile: should be true or false, not 'on'"),
        ("base: {compile: 1}", "base.compile: should be true or false, not 1"),
        ("base: {model: [convnet]}", "base.model: a name is asked for, or {name: …}"),
        ("base: {model: {hidden: 5}}", "base.model: 'name' is missing"),
        ("base: {model: {name: [a]}}", "base.model: unknown model ['a']. Known: cnn_bn, convnet, "),
        ("base: {dataset: {fallback: digits}}", "base.dataset.name: is missing"),
        (
            "base: {optimizer: {name: sgd, nesterov: on}}",
            "base.optimizer.nesterov: should be true or false, not 'on'",
        ),
        (
            "base: {optimizer: {import: 'a:B'}}",
            "base.optimizer.import: optimizers cannot be imported, only models",
        ),
        ("axes: [a]", "axes: should be a mapping of fields, not ['a']"),
        ("axes: {batch_size: 64}", "axes.batch_size: should be a list, not 64"),
        ("axes: {batch_size: []}", "axes.batch_size: an axis needs at least one value"),
        ("seeds: 3", "seeds: should be a list, not 3"),
        ("seeds: []", "seeds: needs at least one value"),
        ("seeds: [0, 1, 0]", "seeds: a seed stands here twice"),
        ("seeds: [true]", "seeds[0]: a number is asked for, not true or false"),
        ("seeds: [-1]", "seeds[0]: should be greater than or equal to 0, not -1"),
        ("seeds: [1e30]", "seeds[0]: should be a smaller number, not 1e+30"),
        ("seeds: [4294967296]", "seeds[0]: should be less than 4294967296, not 4294967296"),
        ("description: 5", "description: should be text, not 5; in quotes it is text"),
        ("include: {model: lenet5}", "include: should be a list, not {'model': 'lenet5'}"),
        ("exclude: [lenet5]", "exclude[0]: should be a mapping of fields, not 'lenet5'"),
        ("target_accuracy: 98", "target_accuracy: should be less than or equal to 1, not 98"),
        ("target_accuracy: 0", "target_accuracy: should be greater than 0, not 0"),
        ("target_accuracy: .nan", "target_accuracy: should be a finite number, not nan"),
        ("target_accuracy: true", "target_accuracy: a number is asked for, not true or false"),
        ("timing: true", "timing: timing is off, or a mapping such as {blocks: 6}"),
        ("timing: {blocks: 0}", "timing.blocks: should be greater than 0, not 0"),
        ("timing: {rounds: off}", "timing.rounds: a number is asked for, not the text 'off'"),
    ],
)
def test_a_wrong_type_or_amount(refusal: Refusal, field: str, said: str) -> None:
    assert refusal(f"name: x\n{field}").startswith(f"study.yaml:2: {said}")


def test_a_long_value_is_not_repeated(refusal: Refusal) -> None:
    assert refusal(f"name: x\nseeds: {'x' * 500}") == (
        "study.yaml:2: seeds: should be a list, not a long text"
    )


def test_several_mistakes_are_told_together(refusal: Refusal) -> None:
    text = "name: X\nbase:\n  epochs: -1\n  device: gpu\nseeds: []"
    assert refusal(text).splitlines() == [
        "study.yaml:1: name: a name has small letters, digits, _ and - only, "
        "begins with a letter or a digit, and is no longer than 100",
        "study.yaml:3: base.epochs: should be greater than or equal to 0, not -1",
        "study.yaml:4: base.device: a device is auto, cpu, cuda or cuda:N",
        "study.yaml:5: seeds: needs at least one value",
    ]


def test_of_many_mistakes_five_are_told_and_the_rest_counted(refusal: Refusal) -> None:
    lines = refusal(f"name: x\nseeds: [{', '.join(['-1'] * 9)}]").splitlines()
    assert len(lines) == 6
    assert lines[-1] == "… and 4 more"
