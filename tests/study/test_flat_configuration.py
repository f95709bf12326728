"""A configuration as columns: plain fields, and every parameter by its dotted path."""

import json
from typing import Any

import pytest

from bench.models import MODELS
from bench.optim import OPTIMIZERS, SCHEDULES
from bench.records import IDENTITY
from bench.registry import parameters
from bench.study.spec import CHOICES, Cell


def flat(**fields: Any) -> dict[str, Any]:
    return Cell.model_validate(fields).flat()


def test_every_leading_column_is_present() -> None:
    assert set(IDENTITY) - {"study", "cell_id"} <= flat().keys()


def test_every_field_of_a_cell_is_a_column() -> None:
    assert set(Cell.model_fields) <= flat().keys()


@pytest.mark.parametrize(
    ("room", "registry"),
    [("model", MODELS), ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)],
)
def test_every_parameter_is_a_column_by_its_dotted_path(room: str, registry: Any) -> None:
    for name, entry in registry.items():
        columns = flat(**{room: name})
        assert columns[room] == name
        for parameter in parameters(entry.target, CHOICES[room].passed) or ():
            path = f"{room}.{parameter.name}"
            default = parameter.default
            expected = json.dumps(default) if isinstance(default, tuple) else default
            assert columns["lr" if path == "optimizer.lr" else path] == expected


def test_the_learning_rate_is_one_column() -> None:
    columns = flat(optimizer={"name": "sgd", "lr": 0.5})
    assert columns["lr"] == 0.5
    assert "optimizer.lr" not in columns


def test_a_fallback_is_no_column() -> None:
    assert flat(dataset="mnist") == flat(dataset={"name": "mnist", "fallback": "digits"})


def test_cuda_is_the_first_gpu() -> None:
    assert [flat(device=d)["device"] for d in ("cuda", "cuda:0", "cuda:00")] == ["cuda"] * 3
    assert [flat(device=d)["device"] for d in ("cuda:1", "cuda:01")] == ["cuda:1"] * 2


def test_a_list_parameter_of_an_imported_network_is_one_value() -> None:
    model = {"import": "not.here:Net", "sizes": [16, 32], "extra": {"b": 1, "a": None}, "on": True}
    columns = flat(model=model)
    assert columns["model"] == "not.here:Net"
    assert columns["model.sizes"] == "[16, 32]"
    assert columns["model.extra"] == '{"a": null, "b": 1}'
    assert columns["model.on"] is True
