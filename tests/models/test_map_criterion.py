"""The 1998 network's loss against eq. (9) of its paper, computed term by term."""

import math

import pytest
import torch
from torch import Tensor

from bench.models.lenet5_1998 import LeNet51998, digit_codes

TARGET = [7, 2, 1, 0]


def output_and_penalties(model: LeNet51998) -> tuple[Tensor, Tensor]:
    """Run a batch of four; the penalties come from F6 through plain Python."""
    f6: list[Tensor] = []
    with model.f6.register_forward_hook(lambda _layer, _inputs, out: f6.append(out.detach())):
        output = model(torch.randn(4, 1, 28, 28, dtype=model.f6.weight.dtype))
    states = [[1.7159 * math.tanh(2 / 3 * a) for a in image] for image in f6[0].tolist()]
    distances = [
        [sum((x - c) ** 2 for x, c in zip(state, code, strict=True)) for code in digit_codes()]
        for state in states
    ]
    return output, torch.tensor(distances, dtype=torch.float64)


def eq_9(penalties: list[list[float]], j: float) -> float:
    terms = [
        y[correct] + math.log(math.exp(-j) + sum(math.exp(-y_i) for y_i in y))
        for y, correct in zip(penalties, TARGET, strict=True)
    ]
    return sum(terms) / len(terms)


@pytest.mark.parametrize("rubbish", [0.5, 20.0, 90.0])
def test_the_loss_is_the_paper_s_criterion(rubbish: float) -> None:
    torch.manual_seed(0)
    model = LeNet51998(rubbish=rubbish).double()
    output, penalties = output_and_penalties(model)
    loss = model.loss(output.detach(), torch.tensor(TARGET))
    assert float(loss) == pytest.approx(eq_9(penalties.tolist(), rubbish), rel=1e-12)


def test_the_ten_probabilities_leave_the_rest_to_the_rubbish_class() -> None:
    torch.manual_seed(0)
    output, penalties = output_and_penalties(LeNet51998(rubbish=84.0).double())
    # A class's probability is to the rubbish's as e^-y to e^-j.
    rubbish = output[:, 0].exp() * (penalties[:, 0] - 84.0).exp()
    torch.testing.assert_close(output.exp().sum(1) + rubbish, torch.ones(4, dtype=torch.float64))
    assert (rubbish > 0.01).all()


@pytest.mark.parametrize("rubbish", [1e-6, 1e6])
def test_the_loss_stays_finite_where_its_exponentials_vanish(rubbish: float) -> None:
    torch.manual_seed(0)
    model = LeNet51998(rubbish=rubbish)
    with torch.no_grad():
        model.f6.weight.mul_(1e4)  # saturates F6, far from every code
    output, penalties = output_and_penalties(model)
    assert torch.exp(-penalties.float()).sum() == 0
    model.loss(output, torch.tensor(TARGET)).backward()
    assert output.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
