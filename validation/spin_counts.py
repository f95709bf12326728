"""What a spin count costs undisturbed, and what it saves beside a busy process.

    python validation/spin_counts.py --counts default 1000 10000 --rounds 12

For every count some processes are alive at once, and take turns of a few training steps in a
random order, so that each sees the same machine; then the same beside processes that keep a core
busy. Prints, for each network and batch size, the median milliseconds of a step, and the ratio to
the first count (median over rounds of the ratio within a round, with its quartiles).
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
    """Time a turn of steps of a shape whenever asked to."""
    import torch
    import torch.nn.functional as F

    from bench.models import MODELS
    from bench.registry import load

    torch.set_num_threads(threads)
    made: dict[tuple[str, int], Any] = {}
    for name, batch in shapes:
        torch.manual_seed(0)
        model = load(MODELS[name].target)()
        made[name, batch] = (
            model,
            torch.optim.Adam(model.parameters()),
            torch.randn(batch, 1, 28, 28),
            torch.randint(10, (batch,)),
        )

    def step(key: tuple[str, int]) -> float:
        model, optimizer, images, labels = made[key]
        started_s = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        getattr(model, "loss", F.cross_entropy)(model(images), labels).backward()
        optimizer.step()
        return time.perf_counter() - started_s

    lengths = {}
    for key in made:
        lengths[key] = max(2, round(target_s / statistics.median(step(key) for _ in range(6))))
    turns.send("ready")
    while (key := turns.recv()) is not None:
        step(key)  # the caches are another process' now
        turns.send(statistics.median(step(key) for _ in range(min(lengths[key], 40))))


def busy() -> None:
    """Keep a core busy."""
    while True:
        pass


def started(count: str, arguments: argparse.Namespace) -> tuple[Any, Connection]:
    """Start a process whose threads spin so often."""
    os.environ.pop("GOMP_SPINCOUNT", None)
    if count != "default":
        os.environ["GOMP_SPINCOUNT"] = count
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    given = (theirs, arguments.shapes, arguments.threads, arguments.turn)
    process = context.Process(target=serve, args=given, daemon=True)
    process.start()
    assert ours.recv() == "ready"
    return process, ours


def measured(
    key: tuple[str, int], crew: dict[str, list[Connection]], rounds: int
) -> dict[str, list[float]]:
    """Let all take turns in a random order; seconds of a step by count, one a round and process."""
    seconds: dict[str, list[float]] = {count: [] for count in crew}
    for _ in range(rounds):
        turns = [(count, one) for count, ones in crew.items() for one in ones]
        random.shuffle(turns)
        took: dict[str, list[float]] = {count: [] for count in crew}
        for count, one in turns:
            one.send(key)
            took[count].append(one.recv())
        for count, values in took.items():
            seconds[count].append(statistics.median(values))
    return seconds


def main() -> None:
    """Measure undisturbed, then beside busy processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", nargs="+", default=["default", "1000", "10000", "30000"])
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--busy", type=int, default=1)
    parser.add_argument("--turn", type=float, default=0.15, help="seconds of a turn")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    arguments.shapes = list(SHAPES)
    random.seed(0)
    crew: dict[str, list[Connection]] = {count: [] for count in arguments.counts}
    for _ in range(arguments.processes):
        for count in arguments.counts:
            crew[count].append(started(count, arguments)[1])
    for beside in (0, arguments.busy):
        others = [multiprocessing.get_context("fork").Process(target=busy) for _ in range(beside)]
        for other in others:
            other.start()
        print(f"beside {beside} busy processes: ms a step; ratio to {arguments.counts[0]}")
        for key in arguments.shapes:
            seconds = measured(key, crew, arguments.rounds if not beside else 4)
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
