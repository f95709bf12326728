"""Benchmarks of training epochs, evaluations and loaders."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from networks_to_time import IMAGES, TEST_IMAGES, Bench, every_set_up

from bench.data import LOADERS
from bench.data.images import ImageSet
from bench.data.loaders import Feed
from bench.measure.clock import clock_for
from bench.registry import load
from bench.train import evaluate, train_epoch

ROUNDS = 5


@every_set_up
def test_training_epoch(
    device: str,
    network: str,
    batch_size: int,
    set_up: Callable[..., Bench],
    measured: Callable[..., Any],
    benchmark: Any,
) -> None:
    bench = set_up(network, batch_size, device)
    loader, clock = bench.loader, clock_for(bench.device)

    def epoch() -> None:
        train_epoch(bench.training, loader.train(), clock, lambda log: None)

    measured(epoch, images=IMAGES, rounds=ROUNDS, warmup=1)
    accuracy = evaluate(bench.training, loader.test(), clock).accuracy
    benchmark.extra_info["test_accuracy"] = accuracy
    assert accuracy > 0.2  # chance is 0.1


@every_set_up
def test_evaluation(
    device: str,
    network: str,
    batch_size: int,
    set_up: Callable[..., Bench],
    measured: Callable[..., Any],
) -> None:
    bench = set_up(network, batch_size, device)
    loader, clock = bench.loader, clock_for(bench.device)
    evaluation = measured(
        lambda: evaluate(bench.training, loader.test(), clock),
        images=TEST_IMAGES,
        rounds=2 * ROUNDS,
        warmup=1,
    )
    assert evaluation.images == TEST_IMAGES


@pytest.mark.parametrize("batch_size", [64, 512])
@pytest.mark.parametrize("name", LOADERS)
def test_loader(
    name: str, batch_size: int, few_digits: ImageSet, measured: Callable[..., Any]
) -> None:
    feed = Feed(few_digits, batch_size, 0, torch.device("cpu"))
    loader = load(LOADERS[name].target)(feed)
    count = measured(
        lambda: sum(len(labels) for _, labels in loader.train()),
        images=IMAGES,
        rounds=ROUNDS,
        warmup=1,
    )
    assert count == IMAGES
