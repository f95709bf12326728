"""Each mistake is reported with file, line, the field's path, what is wrong, and what is valid."""

from collections.abc import Callable

import pytest

Refusal = Callable[..., str]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("bse: 1", "bse: unknown field. Did you mean 'base'?"),
        ("base: {epoch: 1}", "base.epoch: unknown field. Did you mean 'epochs'?"),
        ("timing: {set: 1}", "timing.set: unknown field. Did you mean 'sets'?"),
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
def test_an_unknown_field(refusal: Refusal, field: str, message: str) -> None:
    assert refusal(f"name: x\n\n{field}") == f"study.yaml:3: {message}"


def test_an_unknown_field_without_a_near_name_lists_the_known_ones(refusal: Refusal) -> None:
    assert refusal("name: x\nlimits: {qqq: 1}") == (
        "study.yaml:2: limits.qqq: unknown field. Known: trial_timeout."
    )


@pytest.mark.parametrize(
    ("field", "message"),
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
def test_an_unknown_name(refusal: Refusal, field: str, message: str) -> None:
    assert refusal(f"name: x\nbase:\n  {field}").startswith(f"study.yaml:3: {message}")


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            "precision: fp_16",
            "base.precision: unknown value 'fp_16'. Did you mean 'fp16'?",
        ),
        (
            "loader: 5",
            "base.loader: expected a name or {name: …}",
        ),
        (
            "model: {name: convnet, activation: rellu}",
            "base.model.activation: unknown value 'rellu'. Did you mean 'relu'?",
        ),
        ("device: gpu", "base.device: expected auto, cpu, cuda or cuda:N, got 'gpu'"),
        ("device: 'cuda:'", "base.device: expected auto, cpu, cuda or cuda:N, got 'cuda:'"),
        ("threads: 0", "base.threads: expected auto or a positive integer, got 0"),
        ("threads: true", "base.threads: expected auto or a positive integer, got true"),
    ],
)
def test_a_value_that_is_not_one_of_a_fields(refusal: Refusal, field: str, message: str) -> None:
    assert refusal(f"name: x\nbase:\n  {field}") == f"study.yaml:3: {message}"


def test_an_unknown_design(refusal: Refusal) -> None:
    assert refusal("name: x\ndesign: grid") == (
        "study.yaml:2: design: unknown value 'grid'. Known: full, one_at_a_time, pairs."
    )


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("batch_size: 0", "base.batch_size: expected a value greater than 0, got 0"),
        ("batch_size: -64", "base.batch_size: expected a value greater than 0, got -64"),
        ("batch_size: 1.5", "base.batch_size: expected an integer, got 1.5"),
        ("batch_size: .inf", "base.batch_size: expected a finite number, got inf"),
        ("batch_size: .nan", "base.batch_size: expected a finite number, got nan"),
        ("batch_size: true", "base.batch_size: expected a number, got a boolean"),
        ("batch_size: '64'", "base.batch_size: expected a number, got the text '64'"),
        ("batch_size: many", "base.batch_size: expected a number, got the text 'many'"),
        ("batch_size: [64]", "base.batch_size: expected an integer, got [64]"),
        ("batch_size:", "base.batch_size: expected an integer, got null"),
        ("epochs: -1", "base.epochs: expected a value greater than or equal to 0, got -1"),
        (
            "optimizer: {name: sgd, lr: -0.1}",
            "base.optimizer.lr: expected a value greater than 0, got -0.1",
        ),
        (
            "optimizer: {name: sgd, lr: .inf}",
            "base.optimizer.lr: expected a finite number, got inf",
        ),
        (
            "optimizer: {name: sgd, lr: .nan}",
            "base.optimizer.lr: expected a finite number, got nan",
        ),
        (
            "optimizer: {name: sgd, momentum: 1}",
            "base.optimizer.momentum: expected a value less than 1, got 1",
        ),
        (
            "optimizer: {name: sgd, lr: true}",
            "base.optimizer.lr: expected a number, got a boolean",
        ),
        (
            "model: {name: convnet, hidden: '250'}",
            "base.model.hidden: expected a number, got the text '250'",
        ),
    ],
)
def test_a_number_out_of_range(refusal: Refusal, field: str, message: str) -> None:
    assert refusal(f"name: x\nbase:\n  {field}") == f"study.yaml:3: {message}"


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("base: 5", "base: expected a mapping of fields, got 5"),
        ("base: {compile: on}", "base.compile: expected true or false, got 'on'"),
        ("base: {compile: 1}", "base.compile: expected true or false, got 1"),
        ("base: {model: [convnet]}", "base.model: expected a name or {name: …}"),
        ("base: {model: {hidden: 5}}", "base.model: 'name' is missing"),
        ("base: {model: {name: [a]}}", "base.model: unknown model ['a']. Known: cnn_bn, convnet, "),
        ("base: {dataset: {fallback: digits}}", "base.dataset.name: is missing"),
        (
            "base: {optimizer: {name: sgd, nesterov: on}}",
            "base.optimizer.nesterov: expected true or false, got 'on'",
        ),
        ("base: {loader: {import: 'a:B'}}", "base.loader.import: a loader cannot be imported"),
        ("axes: [a]", "axes: expected a mapping of fields, got ['a']"),
        ("axes: {batch_size: 64}", "axes.batch_size: expected a list, got 64"),
        ("axes: {batch_size: []}", "axes.batch_size: expected at least one value"),
        ("seeds: 3", "seeds: expected a list, got 3"),
        ("seeds: []", "seeds: expected at least one value"),
        ("seeds: [0, 1, 0]", "seeds: duplicate seed"),
        ("seeds: [true]", "seeds[0]: expected a number, got a boolean"),
        ("seeds: [-1]", "seeds[0]: expected a value greater than or equal to 0, got -1"),
        ("seeds: [1e30]", "seeds[0]: expected a smaller number, got 1e+30"),
        ("seeds: [4294967296]", "seeds[0]: expected a value less than 4294967296, got 4294967296"),
        ("description: 5", "description: expected text, got 5; quote it to make it text"),
        ("include: {model: lenet5}", "include: expected a list, got {'model': 'lenet5'}"),
        ("exclude: [lenet5]", "exclude[0]: expected a mapping of fields, got 'lenet5'"),
        (
            "target_accuracy: 98",
            "target_accuracy: expected a value less than or equal to 1, got 98",
        ),
        ("target_accuracy: 0", "target_accuracy: expected a value greater than 0, got 0"),
        ("target_accuracy: .nan", "target_accuracy: expected a finite number, got nan"),
        ("target_accuracy: true", "target_accuracy: expected a number, got a boolean"),
        ("timing: true", "timing: expected off or a mapping such as {sets: 12}"),
        ("timing: {sets: 0}", "timing.sets: expected a value greater than 0, got 0"),
        ("timing: {budget: soon}", "timing.budget: invalid duration 'soon'"),
        ("timing: {budget: 0}", "timing.budget: expected a value greater than 0, got 0"),
        ("timing: {rounds: off}", "timing.rounds: expected a number, got the text 'off'"),
    ],
)
def test_a_wrong_type_or_amount(refusal: Refusal, field: str, message: str) -> None:
    assert refusal(f"name: x\n{field}").startswith(f"study.yaml:2: {message}")


def test_a_long_value_is_not_repeated(refusal: Refusal) -> None:
    assert refusal(f"name: x\nseeds: {'x' * 500}") == (
        "study.yaml:2: seeds: expected a list, got a long text"
    )


def test_several_errors_are_reported_together(refusal: Refusal) -> None:
    text = "name: X\nbase:\n  epochs: -1\n  device: gpu\nseeds: []"
    assert refusal(text).splitlines() == [
        "study.yaml:1: name: expected lowercase letters, digits, _ and -, at most 100, starting "
        "with a letter or a digit, got 'X'",
        "study.yaml:3: base.epochs: expected a value greater than or equal to 0, got -1",
        "study.yaml:4: base.device: expected auto, cpu, cuda or cuda:N, got 'gpu'",
        "study.yaml:5: seeds: expected at least one value",
    ]


def test_of_many_errors_five_are_shown_and_the_rest_counted(refusal: Refusal) -> None:
    lines = refusal(f"name: x\nseeds: [{', '.join(['-1'] * 9)}]").splitlines()
    assert len(lines) == 6
    assert lines[-1] == "… and 4 more"
