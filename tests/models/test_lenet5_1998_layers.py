"""The parts of the 1998 network that are not off the shelf, against the paper's words."""

import math

import pytest
import torch

from bench.models.lenet5_1998 import LeNet51998, RadialBasis, Subsampling, squash

# Appendix A: uniform on ±2.4 / F, F being the number of inputs of a unit.
FAN_IN = {"c1": 25, "s2": 4, "s4": 4, "c5": 400, "f6": 120}
CONNECTED_MAPS = [3] * 6 + [4] * 9 + [6]


def test_the_squashing_function_passes_through_plus_and_minus_one() -> None:
    # Appendix A chose the constants so that f(1) = 1 and f(-1) = -1.
    torch.testing.assert_close(
        squash(torch.tensor([-1.0, 0.0, 1.0, 50.0])),
        torch.tensor([-1.0, 0.0, 1.0, 1.7159]),
        atol=1e-4,
        rtol=0,
    )


def test_subsampling_weighs_the_sum_of_four_inputs_and_adds_a_bias() -> None:
    layer = Subsampling(2)
    with torch.no_grad():
        layer.coefficient.copy_(torch.tensor([2.0, -1.0]).view(2, 1, 1))
        layer.bias.copy_(torch.tensor([0.5, 0.0]).view(2, 1, 1))
    image = torch.tensor([[1.0, 2.0, 0.0, 0.0], [3.0, 4.0, 0.0, 1.0]])
    output = layer(torch.stack([image, image]).unsqueeze(0))
    assert output.tolist() == [[[[20.5, 2.5]], [[-10.0, -1.0]]]]


def test_a_radial_unit_gives_the_squared_distance_to_its_code() -> None:
    units = RadialBasis([[1.0, -1.0, 1.0], [1.0, 1.0, 1.0]])
    assert units(torch.tensor([[1.0, -1.0, 0.5]])).tolist() == [[0.25, 4.25]]


def test_the_field_around_an_image_repeats_its_background() -> None:
    image = torch.full((1, 1, 28, 28), -0.4242)
    image[..., 14, 14] = 2.8
    field = LeNet51998().field(image)
    assert field.shape == (1, 1, 32, 32)
    assert int((field == image[0, 0, 0, 0]).sum()) == 32 * 32 - 1


@pytest.mark.parametrize("layer", FAN_IN)
def test_a_layer_starts_uniform_within_2_4_by_its_fan_in(layer: str) -> None:
    torch.manual_seed(0)
    parameters = LeNet51998().get_submodule(layer).parameters()
    values = torch.cat([p.detach().flatten() for p in parameters]) * FAN_IN[layer]
    assert values.abs().max() <= 2.4 + 1e-5
    # Four standard errors of a uniform sample's mean square, 2.4² / 3.
    assert abs(float(values.square().mean()) - 1.92) < 4 * 1.92 * math.sqrt(0.8 / len(values))


def test_a_sparse_map_starts_within_2_4_by_its_own_fan_in() -> None:
    torch.manual_seed(0)
    c3 = LeNet51998().c3
    kernels = c3.weight.detach().split(CONNECTED_MAPS)
    for maps, own, bias in zip(CONNECTED_MAPS, kernels, c3.bias.detach(), strict=True):
        bound = 2.4 / (25 * maps)
        assert 0.9 * bound < own.abs().max() <= bound
        assert abs(bias) <= bound
