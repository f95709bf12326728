"""Measure what the harness adds to a training epoch, interleaved in one process, as ratios.

    python tests/benchmarks/epoch_overhead.py [--data-dir DIR] [--pairs 8]

Compares an epoch of the reference ConvNet as `bench` trains it (`loader: resident`), a hand-written
epoch over the same tensors, and the reference pipeline (`loader: dataloader`). Uses MNIST if it is
in the data folder, else the embedded digits.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

from bench.data import LOADERS
from bench.data.loaders import Feed
from bench.data.torchvision_sets import MNIST
from bench.measure.clock import CpuClock
from bench.models.convnet import ConvNet
from bench.registry import load
from bench.study.dataset_choice import DatasetChoice
from bench.train import Training, train_epoch

BATCH_SIZE = 512
CPU = torch.device("cpu")
Epoch = Callable[[], float]


def by_bench(data_dir: Path, dataset: str, loader_name: str) -> Epoch:
    """Return an epoch as a trial trains it."""
    images = DatasetChoice.model_validate(dataset).source().read(data_dir)
    loader = load(LOADERS[loader_name].target)(Feed(images, BATCH_SIZE, 0, CPU))
    model = ConvNet()
    training = Training(model, torch.optim.Adam(model.parameters()), None)
    return lambda: train_epoch(training, loader.train(), CpuClock(), lambda log: None).train_s


def by_hand(data_dir: Path, dataset: str) -> Epoch:
    """Return the same epoch as one would write it in a script."""
    images = DatasetChoice.model_validate(dataset).source().read(data_dir)
    x = torch.from_numpy(images.train_images.copy()).float().div_(255)
    x = x.sub_(images.mean[0]).div_(images.std[0])
    y = torch.from_numpy(images.train_labels.copy()).long()
    model = ConvNet()
    optimizer = torch.optim.Adam(model.parameters())

    def epoch() -> float:
        started_s = time.perf_counter()
        order = torch.randperm(len(x))
        for start in range(0, len(x), BATCH_SIZE):
            index = order[start : start + BATCH_SIZE]
            optimizer.zero_grad()
            F.nll_loss(model(x[index]), y[index]).backward()
            optimizer.step()
        return time.perf_counter() - started_s

    return epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--pairs", type=int, default=8)
    options = parser.parse_args()
    dataset = "digits" if MNIST.missing(options.data_dir) else "mnist"
    epochs = {
        "resident": by_bench(options.data_dir, dataset, "resident"),
        "by hand": by_hand(options.data_dir, dataset),
        "dataloader": by_bench(options.data_dir, dataset, "dataloader"),
    }
    for epoch in epochs.values():
        epoch()
    seconds = {name: [] for name in epochs}
    for pair in range(options.pairs):
        names = list(epochs)[:: 1 if pair % 2 else -1]  # the order alternates
        for name in names:
            seconds[name].append(epochs[name]())
    for name, measured in seconds.items():
        ratios = [s / h for s, h in zip(measured, seconds["by hand"], strict=True)]
        print(
            f"{name:10s} {statistics.median(measured):6.2f} s per epoch of {dataset}, ratio to "
            f"by hand {statistics.median(ratios):.3f} "
            f"(from {min(ratios):.3f} to {max(ratios):.3f}, n = {len(ratios)})"
        )


if __name__ == "__main__":
    main()
