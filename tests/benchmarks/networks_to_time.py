"""Networks ready to step, on small data: what the benchmarks time."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch

from bench.data.loaders import Loader
from bench.measure.clock import clock_for
from bench.models.convnet import ConvNet
from bench.models.lenet5 import LeNet5
from bench.train import Training

NETWORKS = {"convnet": ConvNet, "lenet5": LeNet5}
IMAGES = 6_144  # an epoch: whole batches of both sizes
TEST_IMAGES = 2_048
REPEATS = 4  # of each image: drawing so many different ones takes longer than most benchmarks
Batch = tuple[torch.Tensor, torch.Tensor]


def synchronised() -> float:
    """Read the GPU's clock: when all work handed to it is done."""
    return clock_for(torch.device("cuda")).now_s()


DEVICES = [
    "cpu",
    pytest.param("cuda", marks=[pytest.mark.cuda, pytest.mark.benchmark(timer=synchronised)]),
]


def every_set_up(test: Callable[..., None]) -> Callable[..., None]:
    """Run a benchmark on each device, of each network, at a small and at a large batch."""
    for name, values in (("batch_size", [64, 512]), ("network", NETWORKS), ("device", DEVICES)):
        test = pytest.mark.parametrize(name, values)(test)
    return test


@dataclass
class Bench:
    """A network in training, its data and its device."""

    training: Training
    loader: Loader
    device: torch.device

    def batch(self) -> Batch:
        """Give the first batch of the next epoch."""
        return next(iter(self.loader.train()))
