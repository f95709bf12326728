"""Counts that can be made by hand."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.measure.cost import (
    count_step,
    flops_per_image,
    parameter_count,
)
from bench.models.convnet import ConvNet
from bench.models.lenet5 import LeNet5

BATCH = 64


def test_parameters_count_only_what_is_trained() -> None:
    model = nn.Linear(784, 10)
    model.bias.requires_grad_(False)
    assert parameter_count(model) == 7840


def test_a_linear_layers_flops_are_two_a_weight_forward_and_two_for_its_gradient() -> None:
    """The input needs no gradient."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    assert flops_per_image(model, torch.zeros(1, 1, 28, 28)) == 2 * 7840 + 2 * 7840


def test_a_convolutions_flops_are_two_a_weight_and_output_pixel() -> None:
    model = nn.Conv2d(1, 4, 5)
    forward = 2 * (5 * 5 * 4) * 24 * 24
    assert flops_per_image(model, torch.zeros(1, 1, 28, 28)) == 2 * forward


def test_a_linear_layers_step_is_counted_by_hand() -> None:
    """(N, 784) through (10, 784) and 10 biases, float32; the input needs no gradient."""
    n, weight, bias = BATCH, 7840, 10
    model = nn.Linear(784, 10)
    images = torch.zeros(n, 784)
    upstream = torch.zeros(n, 10)
    count = count_step(lambda: model(images).backward(upstream))
    assert count.flops == 2 * n * weight + 2 * n * weight
    forward = n * 784 + weight + bias + n * 10  # addmm
    of_weight = n * 10 + n * 784 + weight  # mm
    of_bias = n * 10 + bias  # sum
    assert count.bytes == 4 * (forward + of_weight + of_bias)
    assert count.operations == 3


A, B = torch.zeros(100, 10), torch.zeros(100, 10)
SMALL = torch.zeros(10)


@pytest.mark.parametrize(
    ("what", "floats", "operations"),
    [
        (lambda: A + B, 3000, 1),
        (lambda: A * A, 2000, 1),  # an operand that is there twice is read once
        (lambda: A + SMALL, 2010, 1),
        (lambda: A.add_(B), 3000, 1),
        (lambda: A.mul_(2.0), 2000, 1),
        (lambda: A.copy_(B), 2000, 1),  # what was there is not read
        (lambda: A.zero_(), 1000, 1),
        (lambda: torch.add(A, B, out=B), 3000, 1),
        (lambda: A @ B.t(), 1000 + 1000 + 100 * 100, 1),
        (lambda: torch.zeros(50), 50, 1),
        (lambda: torch.zeros_like(A), 1000, 1),
        (lambda: SMALL.expand(100, 10).clone(), 10 + 1000, 1),  # the same ten are read
        (lambda: torch._foreach_add_([A, B], 1.0), 4000, 1),
        (lambda: torch._foreach_add([A, B], [B, A]), 4000, 1),
        (lambda: torch.stack([A, B]), 4000, 1),
        (lambda: A.view(10, 100), 0, 0),
        (lambda: A.t()[2:].unsqueeze(0).detach(), 0, 0),
        (lambda: A.split(10), 0, 0),
        (lambda: torch.ops.aten._unsafe_view(A, [1000]), 0, 0),
        (lambda: torch.empty_like(A), 0, 0),
        (lambda: torch.empty(1000), 0, 0),
        (lambda: A.shape, 0, 0),
    ],
)
def test_an_operations_bytes_are_counted_by_hand(
    what: Callable[[], object], floats: int, operations: int
) -> None:
    count = count_step(what)
    assert count.bytes == 4 * floats
    assert count.operations == operations


def test_bytes_follow_the_type() -> None:
    half = torch.zeros(100, dtype=torch.bfloat16)
    assert count_step(lambda: half + half).bytes == 2 * 200
    assert count_step(lambda: half.float()).bytes == 2 * 100 + 4 * 100


def adam(size: int, **how: bool) -> Callable[[], object]:
    """Make Adam's second step; the first also makes its state."""
    weight = nn.Parameter(torch.ones(size))
    weight.grad = torch.ones(size)
    optimizer = torch.optim.Adam([weight], **how)
    optimizer.step()
    return optimizer.step


@pytest.mark.parametrize("how", ["fused", "foreach", "neither"])
def test_adam_reads_four_numbers_a_parameter_and_writes_three_or_more(how: str) -> None:
    size = 10_000
    count = count_step(adam(size, fused=how == "fused", foreach=how == "foreach"))
    floats = 7 * size
    if how == "fused":  # weight, gradient and two moments in one pass; and the step's number
        assert floats <= count.bytes / 4 <= floats + 10
    else:  # each of its operations passes through memory again
        assert 2 * floats < count.bytes / 4 < 4 * floats
    assert count.flops == 0


def test_sgds_bytes_are_two_reads_and_a_write_a_parameter() -> None:
    weight = nn.Parameter(torch.ones(1000))
    weight.grad = torch.ones(1000)
    optimizer = torch.optim.SGD([weight], lr=0.1, foreach=False)
    count = count_step(optimizer.step)
    assert (count.bytes, count.operations) == (4 * 3000, 1)


@pytest.mark.parametrize("network", [ConvNet, LeNet5])
def test_a_steps_flops_are_those_of_its_images(network: type[nn.Module]) -> None:
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    images, labels = torch.zeros(BATCH, 1, 28, 28), torch.zeros(BATCH, dtype=torch.int64)
    loss_of: Callable[[Tensor, Tensor], Tensor] = getattr(model, "loss", F.cross_entropy)

    def step() -> None:
        optimizer.zero_grad()
        loss_of(model(images), labels).backward()
        optimizer.step()

    step()
    count = count_step(step)
    of_one = flops_per_image(network(), torch.zeros(1, 1, 28, 28))
    assert count.flops == pytest.approx(BATCH * of_one, rel=0.01)
    assert count.bytes > 7 * 4 * parameter_count(model)
    assert count_step(step) == count
