from typing import get_args

import pytest
import torch

from bench.models.layers import ACTIVATIONS, POOLINGS
from bench.registry import Activation, Pooling

# Each at -1, 0 and 2, from its definition.
EXPECTED = {
    "relu": (0.0, 0.0, 2.0),
    "tanh": (-0.761594, 0.0, 0.964028),
    "sigmoid": (0.268941, 0.5, 0.880797),
    "leaky_relu": (-0.01, 0.0, 2.0),
    "gelu": (-0.158655, 0.0, 1.954500),
    "silu": (-0.268941, 0.0, 1.761594),
    "identity": (-1.0, 0.0, 2.0),
}


def test_every_name_that_a_study_may_use_is_known() -> None:
    assert set(ACTIVATIONS) == set(get_args(Activation))
    assert set(POOLINGS) == set(get_args(Pooling))


@pytest.mark.parametrize("name", get_args(Activation))
def test_an_activation_is_what_its_name_states(name: Activation) -> None:
    actual = ACTIVATIONS[name](torch.tensor([-1.0, 0.0, 2.0]))
    torch.testing.assert_close(actual, torch.tensor(EXPECTED[name]), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("max", [[4.0]]), ("average", [[2.5]]), ("none", [[1.0, 2.0], [3.0, 4.0]])],
)
def test_a_pooling_is_what_its_name_states(name: Pooling, expected: list[list[float]]) -> None:
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert POOLINGS[name]()(image)[0, 0].tolist() == expected
