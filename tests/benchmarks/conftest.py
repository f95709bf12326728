"""Fixtures of the benchmarks: a small data set, networks in training, the machine's description."""

import os
import re
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch._dynamo  # the first optimizer imports it; do so before anything is timed
from networks_to_time import IMAGES, NETWORKS, REPEATS, TEST_IMAGES, Bench

from bench.data.digits_recipe import (
    TEST_SEED,
    TRAIN_SEED,
    enlarge,
    expand,
    load_sources,
    split_sources,
)
from bench.data.embedded_sets import DIGITS
from bench.data.images import ImageSet
from bench.data.loaders import Feed, resident
from bench.measure.machine import this_machine
from bench.train import Training


@pytest.fixture(scope="session")
def few_digits() -> ImageSet:
    """Return some of the embedded digits, repeated to fill an epoch of a second or two."""
    sources = load_sources()
    canvases, (train, test) = enlarge(sources.images), split_sources(sources.labels)
    made = [
        expand(canvases, chosen, count // REPEATS, seed, lambda size: None)
        for chosen, count, seed in ((train, IMAGES, TRAIN_SEED), (test, TEST_IMAGES, TEST_SEED))
    ]
    (train_images, train_labels), (test_images, test_labels) = (
        (np.tile(images[:, None], (REPEATS, 1, 1, 1)), np.tile(sources.labels[which], REPEATS))
        for images, which in made
    )
    return ImageSet(
        name="digits",
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        mean=DIGITS.mean,
        std=DIGITS.std,
    )


@pytest.fixture
def set_up(few_digits: ImageSet) -> Callable[[str, int, str], Bench]:
    """Return a function that sets up a network in fp32 with Adam; `bench gate` sets the seed."""
    seed = int(os.environ.get("BENCH_SEED", "0"))

    def make(network: str, batch_size: int, device: str) -> Bench:
        torch.manual_seed(seed)
        model = NETWORKS[network]().to(device)
        training = Training(model, torch.optim.Adam(model.parameters()), None)
        feed = Feed(few_digits, batch_size, seed, torch.device(device))
        return Bench(training, resident(feed), feed.device)

    return make


@pytest.fixture
def measured(benchmark: Any, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return a function that measures by `pedantic` and stores configuration and images/s.

    `images` are those of one round; further arguments go to `pedantic`.
    """

    def run(
        target: Callable[..., Any], *, images: int = 0, rounds: int, warmup: int = 0, **more: Any
    ) -> Any:
        parameters = getattr(getattr(request.node, "callspec", None), "params", {})
        benchmark.extra_info.update(
            {name: getattr(value, "__name__", value) for name, value in parameters.items()}
        )
        result = benchmark.pedantic(target, rounds=rounds, warmup_rounds=warmup, **more)
        if images and benchmark.stats is not None:
            benchmark.extra_info["images_per_s"] = images / benchmark.stats.stats.median
        return result

    return run


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: Any) -> None:
    """Add what times depend on: fingerprint, threads, BLAS, GPU and driver."""
    machine = this_machine()
    threads = f"{torch.get_num_threads()} threads"
    machine_info["fingerprint"] = {**machine.fingerprint(), "threads": threads}
    machine_info["cores"] = machine.cores
    machine_info["threads_asked_for"] = os.environ.get("OMP_NUM_THREADS")
    machine_info["cpu_capability"] = torch.backends.cpu.get_cpu_capability()
    machine_info["blas"] = _blas()
    machine_info["gpus"] = list(machine.gpus)
    machine_info["gpu_driver"] = _driver() if machine.gpus else None
    machine_info["cuda"] = torch.version.cuda if machine.gpus else None


def _blas() -> str:
    """Return the BLAS library that torch was built with."""
    found = re.search(r"BLAS_INFO=([^,]*)", torch.__config__.show())
    return found[1] if found else "unknown"


def _driver() -> str | None:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None
