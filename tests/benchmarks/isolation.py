"""Measure what a process per run costs: tiny runs in forked, spawned and no processes.

    python tests/benchmarks/isolation.py --runs 100

Each run trains a tiny network for one epoch of one step on the embedded digits, data included.
Prints the median wall time of a run, and its difference from the same work in one process. Forked
and inline runs take turns, ten each, so that drift affects both alike.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.data.embedded_sets import DIGITS
from bench.execute import EXECUTORS
from bench.execute.executor import Executor, RunContext
from bench.measure.machine import this_machine
from bench.study.runs import Run, resolve, trial_and_cost_runs
from bench.study.spec import Cell, Study

RUNS_PER_TURN = 10
CELL = {
    "model": {"name": "mlp", "depth": 1, "hidden": 4},
    "dataset": "digits",
    "batch_size": 60_000,
    "optimizer": "sgd",
    "epochs": 1,
    "device": "cpu",
    "threads": 1,
}


def wall_times_s(executor: Executor, runs: list[Run], run_context: RunContext) -> list[float]:
    """Return the seconds from one outcome to the next."""
    elapsed_s, before_s = [], time.perf_counter()
    for outcome in executor.execute(runs, run_context, lambda event: None):
        assert outcome.status == "ok", outcome.reason
        now_s = time.perf_counter()
        elapsed_s.append(now_s - before_s)
        before_s = now_s
    return elapsed_s


def spawning_executor() -> Executor:
    executor = EXECUTORS["local"]()
    executor._context = multiprocessing.get_context("spawn")  # type: ignore[attr-defined]
    return executor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--spawned", type=int, default=10)
    arguments = parser.parse_args()
    spec = {"name": "isolation", "seeds": list(range(RUNS_PER_TURN)), "timing": "off"}
    study = Study.model_validate(spec)
    cell = resolve(Cell.model_validate(CELL), this_machine(), {})
    runs = [run for run in trial_and_cost_runs(study, [cell]) if run.kind == "trial"]
    with tempfile.TemporaryDirectory() as temporary:
        run_context = RunContext(Path(temporary))
        DIGITS.fetch(run_context.data_dir, lambda what, done, total: None)
        executors = {"one process": EXECUTORS["inline"](), "forked": EXECUTORS["local"]()}
        for executor in executors.values():  # imports modules, starts the fork server
            wall_times_s(executor, runs, run_context)
        elapsed_s: dict[str, list[float]] = {name: [] for name in executors}
        for _ in range(arguments.runs // RUNS_PER_TURN):
            for name, executor in executors.items():
                elapsed_s[name] += wall_times_s(executor, runs, run_context)
        elapsed_s["spawned"] = wall_times_s(
            spawning_executor(), runs[: arguments.spawned], run_context
        )
    base_s = statistics.median(elapsed_s["one process"])
    for name, values in elapsed_s.items():
        median_s = statistics.median(values)
        sys.stdout.write(
            f"{name}: {1e3 * median_s:.1f} ms per run (n = {len(values)}), "
            f"{1e3 * (median_s - base_s):+.1f} ms compared with one process\n"
        )


if __name__ == "__main__":
    main()
