"""Measure what a spin count costs on an idle machine, and saves next to a busy process.

    python validation/spin_counts.py --counts default 1000 10000 --rounds 12

Several processes per count take turns of a few training steps in random order, so that each sees
the same machine; then again next to processes that keep a core busy. Prints, for each network and
batch size, the median milliseconds of a step, and the ratio to the first count (median over rounds
of the ratio within a round, with its quartiles).
"""

import argparse
import multiprocessing
import os
import random
import signal
import statistics
import time
from multiprocessing.connection import Connection
from typing import Any

SHAPES = (("convnet", 512), ("convnet", 64), ("lenet5", 512), ("lenet5", 64))


def serve(turns: Connection, shapes: list[tuple[str, int]], threads: int, target_s: float) -> None:
    """Time a turn of steps for every shape that `turns` requests."""
    import torch
    import torch.nn.functional as F

    from bench.models import MODELS
    from bench.registry import load

    torch.set_num_threads(threads)
    networks: dict[tuple[str, int], Any] = {}
    for name, batch in shapes:
        torch.manual_seed(0)
        model = load(MODELS[name].target)()
        networks[name, batch] = (
            model,
            torch.optim.Adam(model.parameters()),
            torch.randn(batch, 1, 28, 28),
            torch.randint(10, (batch,)),
        )

    def step(key: tuple[str, int]) -> float:
        model, optimizer, images, labels = networks[key]
        started_s = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        getattr(model, "loss", F.cross_entropy)(model(images), labels).backward()
        optimizer.step()
        return time.perf_counter() - started_s

    lengths = {}
    for key in networks:
        lengths[key] = max(2, round(target_s / statistics.median(step(key) for _ in range(6))))
    turns.send("ready")
    while (key := turns.recv()) is not None:
        step(key)  # refills the caches
        turns.send(statistics.median(step(key) for _ in range(min(lengths[key], 40))))


def busy() -> None:
    """Keep a core busy."""
    while True:
        pass


def start(count: str, arguments: argparse.Namespace) -> tuple[Any, Connection]:
    """Start a process whose threads spin `count` times."""
    os.environ.pop("GOMP_SPINCOUNT", None)
    if count != "default":
        os.environ["GOMP_SPINCOUNT"] = count
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    args = (theirs, arguments.shapes, arguments.threads, arguments.turn)
    process = context.Process(target=serve, args=args, daemon=True)
    process.start()
    assert ours.recv() == "ready"
    return process, ours


def measure(
    key: tuple[str, int], workers: dict[str, list[Connection]], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of a step by count, one per round: the median of its processes."""
    seconds: dict[str, list[float]] = {count: [] for count in workers}
    for _ in range(rounds):
        turns = [(count, each) for count, connections in workers.items() for each in connections]
        random.shuffle(turns)
        round_s: dict[str, list[float]] = {count: [] for count in workers}
        for count, connection in turns:
            connection.send(key)
            round_s[count].append(connection.recv())
        for count, values in round_s.items():
            seconds[count].append(statistics.median(values))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", nargs="+", default=["default", "1000", "10000", "30000"])
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--busy", type=int, default=1)
    parser.add_argument("--turn", type=float, default=0.15, help="seconds per turn")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    arguments.shapes = list(SHAPES)
    random.seed(0)
    workers: dict[str, list[Connection]] = {count: [] for count in arguments.counts}
    for _ in range(arguments.processes):
        for count in arguments.counts:
            workers[count].append(start(count, arguments)[1])
    for busy_processes in (0, arguments.busy):
        others = [
            multiprocessing.get_context("fork").Process(target=busy) for _ in range(busy_processes)
        ]
        for other in others:
            other.start()
        print(f"{busy_processes} busy processes: ms per step; ratio to {arguments.counts[0]}")
        for key in arguments.shapes:
            seconds = measure(key, workers, arguments.rounds if not busy_processes else 4)
            first = seconds[arguments.counts[0]]
            for count, values in seconds.items():
                ratios = [a / b for a, b in zip(values, first, strict=True)]
                low, middle, high = statistics.quantiles(ratios, n=4)
                print(
                    f"  {key[0]:8} {key[1]:4} {count:>8}: {statistics.median(values) * 1e3:8.2f}"
                    f"   {middle:.3f} [{low:.3f}, {high:.3f}]",
                    flush=True,
                )
        for other in others:
            assert other.pid is not None
            os.kill(other.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
