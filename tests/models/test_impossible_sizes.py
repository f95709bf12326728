from typing import Any

import pytest
import torch

from bench.models import MODELS
from bench.models.layers import Layers
from bench.registry import load

IMPOSSIBLE = [
    ("convnet", {"conv1_kernel": 29}, r"^conv1_kernel=29 is larger than its input of 28×28$"),
    ("convnet", {"conv1_kernel": 28}, r"^pooling='max' needs a map of 2×2 or more"),
    ("convnet", {"conv2_kernel": 13}, r"^conv2_kernel=13 is larger than its input of 12×12$"),
    ("lenet5", {"conv1_kernel": 33}, r"^conv1_kernel=33 is larger than its input of 32×32$"),
    ("lenet5", {"conv2_kernel": 15}, r"^conv2_kernel=15 is larger than its input of 14×14$"),
    ("lenet5", {"conv2_kernel": 14}, r"^pooling='average' needs a map of 2×2 or more"),
    ("lenet5", {"padding": -1}, r"^padding=-1 is negative$"),
    ("convnet", {"kernel_size": 13}, r"^conv2_kernel=13 is larger than its input of 8×8$"),
    ("cnn_bn", {"depth": 5}, r"^pooling='max' needs a map of 2×2 or more, but gets 1×1$"),
    ("strided_cnn", {"stride": 12}, r"^conv2_kernel=3 is larger than its input of 2×2$"),
]


@pytest.mark.parametrize(("name", "settings", "message"), IMPOSSIBLE)
def test_sizes_that_leave_an_empty_map_are_refused_by_name(
    name: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load(MODELS[name].target)(**settings)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("convnet", {"conv1_kernel": 28, "conv2_kernel": 1, "pooling": "none"}),
        ("convnet", {"conv2_kernel": 12}),
        ("lenet5", {"conv2_kernel": 13}),
        ("convnet", {"conv1_channels": 0, "conv1_kernel": 29}),
        ("cnn_bn", {"depth": 4}),
        ("strided_cnn", {"stride": 7}),
    ],
)
def test_the_largest_kernel_that_fits_is_allowed(name: str, settings: dict[str, Any]) -> None:
    model = load(MODELS[name].target)(**settings)
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_a_map_that_cannot_be_halved_loses_its_last_row() -> None:
    layers = Layers(activation="relu")
    layers.convolve(1, 6)
    layers.pool("max")
    assert (layers.height, layers.width) == (11, 11)
