"""A layer of size 0 is left out with its activation, and the network is what remains."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from bench.models import MODELS
from bench.models.mlp import MLP
from bench.registry import load

# What the reference's network and LeNet-5 are without a layer, in plain torch.
POOL, RELU, TANH, FLAT = nn.MaxPool2d(2), nn.ReLU(), nn.Tanh(), nn.Flatten()
AVERAGE = nn.AvgPool2d(2)


def remaining(name: str, left_out: str) -> list[nn.Module]:
    match name, left_out:
        case "convnet", "conv1_channels":
            first = [POOL, nn.Conv2d(1, 20, 3), RELU, FLAT]
            return [*first, nn.Linear(20 * 12**2, 500), RELU, nn.Linear(500, 10)]
        case "convnet", "conv2_channels":
            first = [nn.Conv2d(1, 10, 5), RELU, POOL, FLAT]
            return [*first, nn.Linear(10 * 12**2, 500), RELU, nn.Linear(500, 10)]
        case "convnet", "hidden":
            first = [nn.Conv2d(1, 10, 5), RELU, POOL]
            return [*first, nn.Conv2d(10, 20, 3), RELU, FLAT, nn.Linear(2000, 10)]
        case "lenet5", "conv1_channels":
            first = [AVERAGE, nn.Conv2d(1, 16, 5), TANH, AVERAGE, FLAT]
            return [*first, *lenet5_tail(400, 120, 84)]
        case "lenet5", "conv2_channels":
            first = [nn.Conv2d(1, 6, 5, padding=2), TANH, AVERAGE, AVERAGE, FLAT]
            return [*first, *lenet5_tail(294, 120, 84)]
        case _:
            first = [nn.Conv2d(1, 6, 5, padding=2), TANH, AVERAGE]
            second = [nn.Conv2d(6, 16, 5), TANH, AVERAGE, FLAT]
            widths = {"hidden1": (400, 84), "hidden2": (400, 120)}[left_out]
            return [*first, *second, *lenet5_tail(*widths)]


def lenet5_tail(*widths: int) -> list[nn.Module]:
    hidden = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), TANH)]
    return [*hidden, nn.Linear(widths[-1], 10)]


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        *(("convnet", part) for part in ("conv1_channels", "conv2_channels", "hidden")),
        *(("lenet5", part) for part in ("conv1_channels", "conv2_channels", "hidden1", "hidden2")),
    ],
)
def test_what_remains_is_the_network_without_the_layer(name: str, left_out: str) -> None:
    torch.manual_seed(4)
    expected = nn.Sequential(*remaining(name, left_out), nn.LogSoftmax(dim=1))
    torch.manual_seed(4)
    model = load(MODELS[name].target)(**{left_out: 0})
    images = torch.randn(3, 1, 28, 28)
    assert torch.equal(model(images), expected(images))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("convnet", {"conv1_channels": 0, "conv2_channels": 0, "hidden": 0, "pooling": "none"}),
        ("mlp", {"depth": 0}),
    ],
)
def test_without_any_hidden_layer_it_is_a_softmax_regression(
    name: str, settings: dict[str, Any]
) -> None:
    torch.manual_seed(4)
    expected = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(dim=1))
    torch.manual_seed(4)
    model = load(MODELS[name].target)(**settings)
    images = torch.randn(3, 1, 28, 28)
    assert torch.equal(model(images), expected(images))


def test_a_layer_left_out_takes_its_batch_norm_with_it() -> None:
    model = load(MODELS["convnet"].target)(conv1_channels=0, batch_norm=True)
    assert {key.split(".")[0] for key in model.state_dict() if "norm" in key} == {"conv2"}


@pytest.mark.parametrize("depth", [1, 3])
def test_the_depth_of_an_mlp_is_its_number_of_hidden_layers(depth: int) -> None:
    linear = [layer for layer in MLP(depth=depth).modules() if isinstance(layer, nn.Linear)]
    assert len(linear) == depth + 1
