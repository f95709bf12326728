"""What the harness adds to a training epoch: interleaved, in one process, as ratios.

    python tests/benchmarks/epoch_overhead.py [--data-dir DIR] [--pairs 8]

Compared are an epoch of the reference ConvNet as `bench` trains it (`loader: resident`), the
same epoch written by hand over the same tensors, and the reference's own pipeline
(`loader: dataloader`). Reads MNIST where it is, the embedded digits elsewhere.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

from bench.data import DATASETS, LOADERS
from bench.data.loaders import Feed
from bench.measure.clock import CpuClock
from bench.models.convnet import ConvNet
from bench.registry import load
from bench.train import Training, train_epoch

BATCH_SIZE = 512
CPU = torch.device("cpu")
Epoch = Callable[[], float]


def by_bench(data_dir: Path, dataset: str, loader_name: str) -> Epoch:
    """An epoch as a trial trains it."""
    images = DATASETS[dataset].read(data_dir)
    loader = load(LOADERS[loader_name].target)(Feed(images, BATCH_SIZE, 0, CPU))
    model = ConvNet()
    training = Training(model, torch.optim.Adam(model.parameters()), None)
    return lambda: train_epoch(training, loader.train(), CpuClock(), lambda log: None).train_s


def by_hand(data_dir: Path, dataset: str) -> Epoch:
    """The same arithmetic, as one would write it for a single run."""
    images = DATASETS[dataset].read(data_dir)
    x = torch.from_numpy(images.train_images.copy()).float().div_(255).unsqueeze(1)
    x = x.sub_(images.mean).div_(images.std)
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
    """Run the three in turn, pair by pair, and print the median ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--pairs", type=int, default=8)
    options = parser.parse_args()
    dataset = "digits" if DATASETS["mnist"].missing(options.data_dir) else "mnist"
    epochs = {
        "resident": by_bench(options.data_dir, dataset, "resident"),
        "by hand": by_hand(options.data_dir, dataset),
        "dataloader": by_bench(options.data_dir, dataset, "dataloader"),
    }
    for epoch in epochs.values():
        epoch()
    seconds = {name: [] for name in epochs}
    for pair in range(options.pairs):
        names = list(epochs)[:: 1 if pair % 2 else -1]  # neither always goes first
        for name in names:
            seconds[name].append(epochs[name]())
    for name, measured in seconds.items():
        ratios = [s / h for s, h in zip(measured, seconds["by hand"], strict=True)]
        print(
            f"{name:10s} {statistics.median(measured):6.2f} s an epoch of {dataset}, "
            f"{statistics.median(ratios):.3f} of by hand "
            f"({min(ratios):.3f}–{max(ratios):.3f}, n={len(ratios)})"
        )


if __name__ == "__main__":
    main()
