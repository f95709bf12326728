"""Losses of targets that are probabilities, against plain formulas."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.optim import LOSSES
from bench.registry import load
from bench.train import Loss, loss_of, smoothed

OUTPUT = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
TARGETS = torch.rand(5, 4, generator=torch.Generator().manual_seed(1))
TARGETS = TARGETS / TARGETS.sum(1, keepdim=True)
LABELS = torch.tensor([0, 3, 1, 1, 2])
ONE_HOT = torch.eye(4)[LABELS]


def missed(log_probabilities: Tensor, targets: Tensor) -> float:
    """Sum −t log p over images and classes, divided by the images."""
    pairs = zip(log_probabilities.tolist(), targets.tolist(), strict=True)
    return -sum(t * o for output, target in pairs for t, o in zip(target, output, strict=True)) / 5


class LogProbabilities(nn.Module):
    loss = staticmethod(F.nll_loss)


def losses_by_name() -> dict[str, Loss]:
    named = {name: load(entry.target) for name, entry in LOSSES.items()}
    own = {"of the network": loss_of(LogProbabilities()), "of logits": loss_of(nn.Identity())}
    return {**named, **own}


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("name", ["cross_entropy", "nll", "of the network", "of logits"])
def test_logarithmic_losses_are_the_mean_of_each_classs_share(name: str, smoothing: float) -> None:
    output = OUTPUT.log_softmax(1)
    loss = smoothed(losses_by_name()[name], smoothing)
    mixed = (1 - smoothing) * TARGETS + smoothing / 4
    assert loss(output, TARGETS).item() == pytest.approx(missed(output, mixed), rel=1e-5)


def test_the_square_loss_is_the_mean_square_of_the_differences() -> None:
    expected = sum(
        (o - t) ** 2
        for output, target in zip(OUTPUT.tolist(), TARGETS.tolist(), strict=True)
        for o, t in zip(output, target, strict=True)
    )
    assert losses_by_name()["square"](OUTPUT, TARGETS).item() == pytest.approx(expected / 20)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("name", losses_by_name())
def test_certain_probabilities_are_labels(name: str, smoothing: float) -> None:
    if smoothing and name in ("square", "default"):
        pytest.skip("has no label smoothing")
    loss, output = smoothed(losses_by_name()[name], smoothing), OUTPUT.log_softmax(1)
    torch.testing.assert_close(loss(output, ONE_HOT), loss(output, LABELS))


@pytest.mark.parametrize("name", losses_by_name())
def test_probabilities_are_taken_under_autocast(name: str) -> None:
    loss, output = losses_by_name()[name], OUTPUT.log_softmax(1)
    with torch.autocast("cpu", torch.bfloat16):
        half = loss(output.bfloat16(), TARGETS)
    assert half.item() == pytest.approx(loss(output, TARGETS).item(), rel=0.02)
