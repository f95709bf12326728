"""What a process of its own costs a run: tiny runs in forked, in spawned and in no processes.

    python tests/benchmarks/isolation.py --runs 100

Each run trains a tiny network for one epoch of one step on the embedded digits, data included.
Prints the median wall time of a run, as who waits for it sees it, and what it is beyond the same
work in one process. Forked and inline runs take turns, ten each, so that drifts meet both alike.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.data import DATASETS
from bench.execute import EXECUTORS
from bench.execute.executor import Executor, RunContext
from bench.measure.machine import this_machine
from bench.study.runs import Run, make_plan
from bench.study.spec import Cell, Study

A_TURN = 10  # runs in a row
CELL = {
    "model": {"name": "mlp", "depth": 1, "hidden": 4},
    "dataset": "digits",
    "batch_size": 60_000,
    "optimizer": "sgd",
    "epochs": 1,
    "device": "cpu",
    "threads": 1,
}


def timed(executor: Executor, runs: list[Run], run_context: RunContext) -> list[float]:
    """Give the seconds from one outcome to the next."""
    took, before_s = [], time.perf_counter()
    for outcome in executor.execute(runs, run_context, lambda event: None):
        assert outcome.status == "ok", outcome.reason
        now_s = time.perf_counter()
        took.append(now_s - before_s)
        before_s = now_s
    return took


def spawning() -> Executor:
    executor = EXECUTORS["local"]()
    executor._context = multiprocessing.get_context("spawn")  # type: ignore[attr-defined]
    return executor


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--spawned", type=int, default=10)
    arguments = parser.parse_args()
    spec = {"name": "isolation", "seeds": list(range(A_TURN)), "timing": "off"}
    study = Study.model_validate(spec)
    plan = make_plan(study, [Cell.model_validate(CELL)], this_machine(), {})
    runs = [run for run in plan.runs if run.kind == "trial"]
    with tempfile.TemporaryDirectory() as temporary:
        run_context = RunContext(Path(temporary))
        DATASETS["digits"].fetch(run_context.data_dir, lambda what, done, total: None)
        executors = {"one process": EXECUTORS["inline"](), "forked": EXECUTORS["local"]()}
        for executor in executors.values():  # imports, the fork server
            timed(executor, runs, run_context)
        took: dict[str, list[float]] = {name: [] for name in executors}
        for _ in range(arguments.runs // A_TURN):
            for name, executor in executors.items():
                took[name] += timed(executor, runs, run_context)
        took["spawned"] = timed(spawning(), runs[: arguments.spawned], run_context)
    base_s = statistics.median(took["one process"])
    for name, values in took.items():
        median_s = statistics.median(values)
        sys.stdout.write(
            f"{name}: {1e3 * median_s:.1f} ms a run (n = {len(values)}), "
            f"{1e3 * (median_s - base_s):+.1f} ms beyond one process\n"
        )


if __name__ == "__main__":
    main()
