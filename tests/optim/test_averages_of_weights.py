"""What is evaluated where an average of the weights is kept."""

import pytest
import torch
from torch import nn

from bench.optim import AVERAGINGS
from bench.optim.averaging import Averaging
from bench.optim.schedules import Span
from bench.registry import load

SPAN = Span(epochs=2, steps_per_epoch=4)


def after(values: list[float], name: str, **parameters: float) -> float:
    """Give the averaged weight after steps that left the weight at these values."""
    model = nn.Linear(1, 1, bias=False)
    averaging: Averaging = load(AVERAGINGS[name].target)(model, SPAN, **parameters)
    for step, value in enumerate(values, start=1):
        nn.init.constant_(model.weight, value)
        averaging.after_step(model, step)
    (weight,) = averaging.evaluation_model(model).parameters()
    return weight.item()


def test_none_keeps_no_average() -> None:
    assert load(AVERAGINGS["none"].target)(nn.Linear(1, 1), SPAN) is None


def test_an_exponential_average_starts_at_the_first_weights() -> None:
    assert after([4.0], "ema", decay=0.5) == 4.0
    assert after([4.0, 8.0, 2.0], "ema", decay=0.5) == pytest.approx(4.0)


def test_an_average_moved_less_often_is_moved_further() -> None:
    assert after([9.0, 4.0, 9.0, 8.0], "ema", decay=0.5, every_steps=2) == pytest.approx(7.0)


def test_a_tail_averages_the_last_steps_alike() -> None:
    values = [100.0, 100.0, 100.0, 100.0, 100.0, 1.0, 2.0, 6.0]
    assert after(values, "tail", fraction=0.25) == pytest.approx(3.0)


def test_before_there_is_an_average_the_weights_themselves_are_evaluated() -> None:
    assert after([1.0, 5.0], "tail", fraction=0.25) == 5.0


def test_the_averages_of_batch_norm_are_averaged_too() -> None:
    model = nn.BatchNorm1d(2)
    averaging: Averaging = load(AVERAGINGS["ema"].target)(model, SPAN, decay=0.5)
    for step, mean in enumerate((2.0, 4.0), start=1):
        nn.init.constant_(model.running_mean, mean)  # type: ignore[arg-type]
        averaging.after_step(model, step)
    averaged = averaging.evaluation_model(model)
    assert torch.equal(averaged.running_mean, torch.full((2,), 3.0))  # type: ignore[arg-type]
