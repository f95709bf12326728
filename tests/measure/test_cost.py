"""Counts that can be made by hand."""

import torch
from torch import nn

from bench.measure.cost import example_image, flops_per_image, parameter_count


def test_parameters_count_only_what_is_trained() -> None:
    model = nn.Linear(784, 10)
    model.bias.requires_grad_(False)
    assert parameter_count(model) == 7840


def test_a_linear_layers_flops_are_two_a_weight_forward_and_two_for_its_gradient() -> None:
    """The gradient of the input isn't asked for: the image needs none."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    assert flops_per_image(model, example_image()) == 2 * 7840 + 2 * 7840


def test_a_convolutions_flops_are_two_a_weight_and_output_pixel() -> None:
    model = nn.Conv2d(1, 4, 5)
    forward = 2 * (5 * 5 * 4) * 24 * 24
    assert flops_per_image(model, example_image()) == 2 * forward


def test_the_example_image_has_the_networks_input_shape() -> None:
    assert example_image().shape == torch.Size([1, 1, 28, 28])
