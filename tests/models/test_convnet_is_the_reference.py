"""The reference script's network, in plain torch, against ConvNet with its defaults."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.convnet import ConvNet


def reference_layers() -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "conv1": nn.Conv2d(1, 10, 5),
            "conv2": nn.Conv2d(10, 20, 3),
            "fc1": nn.Linear(20 * 10 * 10, 500),
            "fc2": nn.Linear(500, 10),
        }
    )


def reference_forward(layers: nn.ModuleDict, images: Tensor) -> Tensor:
    first = F.max_pool2d(F.relu(layers["conv1"](images)), 2, 2)
    second = F.relu(layers["conv2"](first)).view(images.size(0), -1)
    hidden = F.relu(layers["fc1"](second))
    return F.log_softmax(layers["fc2"](hidden), dim=1)


@pytest.mark.parametrize("seed", [0, 1998])
def test_a_seed_gives_the_reference_parameters_bit_by_bit(seed: int) -> None:
    torch.manual_seed(seed)
    expected = reference_layers().state_dict()
    torch.manual_seed(seed)
    actual = ConvNet().state_dict()
    assert list(actual) == list(expected)
    assert all(torch.equal(actual[key], expected[key]) for key in expected)


def test_the_output_and_the_gradients_are_the_reference_ones_bit_by_bit() -> None:
    torch.manual_seed(3)
    layers = reference_layers()
    torch.manual_seed(3)
    model = ConvNet()
    images, target = torch.randn(5, 1, 28, 28), torch.tensor([3, 1, 4, 1, 5])

    expected, actual = reference_forward(layers, images), model(images)
    assert torch.equal(actual, expected)

    F.nll_loss(expected, target).backward()
    model.loss(actual, target).backward()
    for ours, theirs in zip(model.parameters(), layers.parameters(), strict=True):
        assert ours.grad is not None and theirs.grad is not None
        assert torch.equal(ours.grad, theirs.grad)
