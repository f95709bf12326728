"""How weights begin where the network does not say."""

import math

import pytest
import torch
from torch import nn

from bench.models import INITIALISATIONS
from bench.registry import load


def weights(name: str, **parameters: float) -> torch.Tensor:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(400, 200), nn.ReLU(), nn.BatchNorm1d(200))
    load(INITIALISATIONS[name].target)(model, **parameters)
    first = model[0]
    assert isinstance(first, nn.Linear)
    if name != "default":
        assert torch.count_nonzero(first.bias) == 0
    return first.weight.detach()


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        ("default", math.sqrt(1 / 400 / 3)),  # torch's own: uniform within 1 / sqrt(fan-in)
        ("kaiming_uniform", math.sqrt(2 / 400)),
        ("kaiming_normal", math.sqrt(2 / 400)),
        ("xavier_uniform", math.sqrt(2 / 600)),
        ("orthogonal", math.sqrt(1 / 400)),
        ("lecun_uniform", 2.4 / 400 / math.sqrt(3)),
    ],
)
def test_weights_have_the_spread_of_their_formula(name: str, deviation: float) -> None:
    assert weights(name).std().item() == pytest.approx(deviation, rel=0.02)


def test_every_initialisation_is_tested_here() -> None:
    named = {"default", "kaiming_uniform", "kaiming_normal", "xavier_uniform", "orthogonal"}
    assert set(INITIALISATIONS) == named | {"lecun_uniform"}


def test_orthogonal_rows_are_orthogonal_and_of_the_gains_length() -> None:
    rows = weights("orthogonal", gain=2.0)
    assert torch.allclose(rows @ rows.T, 4 * torch.eye(200), atol=1e-4)
