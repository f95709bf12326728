"""What a study leaves out is what torch leaves out."""

import pytest
import torch

from bench.optim import OPTIMIZERS
from bench.registry import load

TORCHS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_named_alone_is_torchs_own_default(name: str) -> None:
    parameters = [torch.nn.Parameter(torch.ones(3))]
    ours = load(OPTIMIZERS[name].target)(parameters)
    theirs = TORCHS[name](parameters)
    assert type(ours) is type(theirs)
    assert ours.defaults == theirs.defaults
