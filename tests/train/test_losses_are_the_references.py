"""The first steps lose what the reference document's network and loop lose, to 1e-6."""

from functools import cache
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.data import LOADERS
from bench.data.loaders import Feed
from bench.execute.executor import RunContext
from bench.execute.training_setup import set_up_training
from bench.registry import load
from bench.study.dataset_choice import DatasetChoice
from bench.study.spec import Cell

STEPS = 50
FEWER = 10  # on the embedded data, whose batches are as large


class Reference(nn.Module):
    """The reference document's ConvNet in plain torch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 5)
        self.conv2 = nn.Conv2d(10, 20, 3)
        self.fc1 = nn.Linear(20 * 10 * 10, 500)
        self.fc2 = nn.Linear(500, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2, 2)
        x = F.relu(self.conv2(x))
        x = F.relu(self.fc1(x.view(x.size(0), -1)))
        return F.log_softmax(self.fc2(x), dim=1)


@cache
def reference_losses(data_dir: Path, dataset: str, seed: int, steps: int) -> list[float]:
    """Train the reference network by the reference loop over the reference pipeline."""
    images = DatasetChoice.model_validate(dataset).source().read(data_dir)
    device = torch.device("cpu")
    loader = load(LOADERS["dataloader"].target)(Feed(images, 512, seed, device))
    torch.manual_seed(seed)
    model = Reference()
    optimizer = torch.optim.Adam(model.parameters())
    losses = []
    for data, target in loader.train():
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if len(losses) == steps:
            break
    return losses


def our_losses(data_dir: Path, dataset: str, seed: int, loader: str, steps: int) -> list[float]:
    cell = Cell.model_validate(
        {"dataset": dataset, "loader": loader, "threads": 1, "device": "cpu"}
    )
    bench = set_up_training(cell, seed, RunContext(data_dir), epochs=cell.epochs)
    batches = bench.loader.train()
    bench.training.model.train()
    return [bench.training.step(*next(batches)).item() for _ in range(steps)]


@pytest.mark.parametrize("loader", LOADERS)
def test_on_the_embedded_digits(digits_dir: Path, loader: str) -> None:
    theirs = reference_losses(digits_dir, "digits", 3, FEWER)
    assert our_losses(digits_dir, "digits", 3, loader, FEWER) == pytest.approx(theirs, abs=1e-6)


@pytest.mark.mnist
def test_on_the_real_mnist(mnist_dir: Path) -> None:
    theirs = reference_losses(mnist_dir, "mnist", 0, STEPS)
    assert our_losses(mnist_dir, "mnist", 0, "resident", STEPS) == pytest.approx(theirs, abs=1e-6)


def test_another_seed_gives_other_losses(digits_dir: Path) -> None:
    first, second = (our_losses(digits_dir, "digits", seed, "resident", 3) for seed in (1, 2))
    assert first != pytest.approx(second, abs=1e-3)
