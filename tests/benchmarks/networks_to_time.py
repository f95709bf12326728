"""Networks in training on a small data set, for the benchmarks to time."""

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
IMAGES = 6_144  # per epoch: a multiple of both batch sizes
TEST_IMAGES = 2_048
REPEATS = 4  # of each image: drawing more different ones takes longer than most benchmarks
Batch = tuple[torch.Tensor, torch.Tensor]


def synchronised() -> float:
    """Return the time after all queued GPU work is done."""
    return clock_for(torch.device("cuda")).now_s()


DEVICES = [
    "cpu",
    pytest.param("cuda", marks=[pytest.mark.cuda, pytest.mark.benchmark(timer=synchronised)]),
]


def every_set_up(test: Callable[..., None]) -> Callable[..., None]:
    """Parametrize a benchmark over devices, networks, and a small and a large batch."""
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
        """Return the first batch of the next epoch."""
        return next(iter(self.loader.train()))
