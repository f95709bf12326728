"""What a study may set on a model: read from source, as it truly is, and never without effect."""

import inspect
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from bench.models import MODELS
from bench.registry import (
    Activation,
    Fraction,
    ImageSize,
    NonNegativeInt,
    Pooling,
    PositiveFloat,
    PositiveInt,
    load,
    parameters,
)


def other_values(annotation: Any, default: Any) -> list[Any]:
    if annotation in (Activation, Pooling):
        return [value for value in get_args(annotation) if value != default]
    if annotation in (int, PositiveInt):
        return [default + 1]
    if annotation == NonNegativeInt:
        return [0, default + 1]
    if annotation == PositiveInt | None:
        return [4]
    if annotation is bool:
        return [not default]
    if annotation == Fraction:
        return [0.5]
    if annotation == ImageSize:
        return [32, (28, 30)]
    if annotation == PositiveFloat:
        return [2 * default]
    raise NotImplementedError(f"say here how to change a {annotation}")


def changes() -> Iterator[Any]:
    for name, entry in MODELS.items():
        for parameter in parameters(entry.target) or ():
            for value in other_values(parameter.annotation, parameter.default):
                yield pytest.param(
                    name, parameter.name, value, id=f"{name}-{parameter.name}={value}"
                )


def output(name: str, **settings: Any) -> tuple[int, Tensor]:
    torch.manual_seed(0)
    model = load(MODELS[name].target)(**settings)
    size, channels = settings.get("image_size", 28), settings.get("in_channels", 1)
    shape = (2, channels, *(size if isinstance(size, tuple) else (size, size)))
    images = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    return sum(p.numel() for p in model.parameters()), model(images)


@pytest.mark.parametrize("name", MODELS)
def test_the_parameters_read_from_source_are_those_of_the_signature(name: str) -> None:
    read = parameters(MODELS[name].target)
    signature = inspect.signature(load(MODELS[name].target)).parameters
    assert read is not None
    assert [p.name for p in read] == list(signature)
    for parameter in read:
        real = signature[parameter.name]
        assert real.kind is inspect.Parameter.KEYWORD_ONLY
        assert (parameter.annotation, parameter.default) == (real.annotation, real.default)


@pytest.mark.parametrize(("name", "parameter", "value"), list(changes()))
def test_every_parameter_can_be_changed_and_changes_the_network(
    name: str, parameter: str, value: Any
) -> None:
    count, before = output(name)
    changed_count, after = output(name, **{parameter: value})
    assert after.isfinite().all()
    assert changed_count != count or not torch.equal(after, before)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "lenet5_1998"])
def test_the_number_of_classes_is_the_width_of_the_output(name: str) -> None:
    assert output(name, classes=26)[1].shape == (2, 26)
