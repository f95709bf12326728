"""The network of tinygrad's MNIST example, in plain torch, against TinygradMNIST."""

import torch
from torch import nn

from bench.models.tinygrad_mnist import TinygradMNIST


def plain() -> nn.Sequential:
    def stage(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
        return [
            *(nn.Conv2d(inputs, outputs, kernel), nn.ReLU()),
            *(nn.Conv2d(outputs, outputs, kernel), nn.ReLU()),
            *(nn.BatchNorm2d(outputs), nn.MaxPool2d(2)),
        ]

    stages = [*stage(1, 32, 5), *stage(32, 64, 3)]
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(576, 10), nn.LogSoftmax(dim=1))


def test_it_computes_what_the_example_s_layers_do() -> None:
    torch.manual_seed(5)
    expected = plain()
    torch.manual_seed(5)
    model = TinygradMNIST()
    images = torch.randn(4, 1, 28, 28)
    for training in (True, False):
        assert torch.equal(model.train(training)(images), expected.train(training)(images))
