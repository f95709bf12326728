"""Benchmarks of the phases of a training step and of the full step, on a fresh graph each round."""

from collections.abc import Callable
from typing import Any

import pytest
from networks_to_time import Batch, Bench, every_set_up

ROUNDS, WARMUP = 30, 5
Ready = tuple[tuple[Any, ...], dict[str, Any]]


def fresh(bench: Bench) -> Batch:
    bench.training.optimizer.zero_grad(set_to_none=True)
    return bench.batch()


def forward(bench: Bench) -> tuple[Callable[..., Any], Callable[[], Ready]]:
    return bench.training.loss, lambda: (fresh(bench), {})


def backward(bench: Bench) -> tuple[Callable[..., Any], Callable[[], Ready]]:
    return bench.training.backward, lambda: ((bench.training.loss(*fresh(bench)),), {})


def optimizer(bench: Bench) -> tuple[Callable[..., Any], Callable[[], Ready]]:
    def setup() -> Ready:
        bench.training.backward(bench.training.loss(*fresh(bench)))
        return (), {}

    return bench.training.update, setup


def step(bench: Bench) -> tuple[Callable[..., Any], Callable[[], Ready]]:
    return bench.training.step, lambda: (fresh(bench), {})


@pytest.mark.parametrize("phase", [forward, backward, optimizer, step], ids=lambda p: p.__name__)
@every_set_up
def test_step(
    device: str,
    network: str,
    batch_size: int,
    phase: Callable[..., Any],
    set_up: Callable[..., Bench],
    measured: Callable[..., Any],
) -> None:
    bench = set_up(network, batch_size, device)
    target, setup = phase(bench)
    measured(target, setup=setup, images=batch_size, rounds=ROUNDS, warmup=WARMUP)
    loss = bench.training.loss(*bench.batch())
    assert loss.isfinite()
