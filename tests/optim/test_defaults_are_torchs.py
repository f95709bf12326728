"""What a study leaves out is what torch leaves out."""

import pytest
import torch

from bench.optim import OPTIMIZERS
from bench.registry import load

CLASSES = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "adamax": torch.optim.Adamax,
    "asgd": torch.optim.ASGD,
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_name_stands_for_torchs_class(name: str) -> None:
    parameters = [torch.nn.Parameter(torch.ones(3))]
    assert type(load(OPTIMIZERS[name].target)(parameters)) is CLASSES[name]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_named_alone_has_its_class_own_defaults(name: str) -> None:
    parameters = [torch.nn.Parameter(torch.ones(3))]
    ours = load(OPTIMIZERS[name].target)(parameters)
    assert ours.defaults == type(ours)(parameters).defaults
