"""Measure what each of very many trials costs the driver of a cluster.

    python validation/scheduler_load.py --trials 100000

The nodes are fakes that answer at once, so all the time is spent in the driver: scheduling, storing
each outcome, writing tables. Prints time and resident memory at ten points of the study, and the
time of planning, of finishing, and of planning the finished study again.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "runner")]

from many_trials import ManyNodes, study  # noqa: E402
from runner_doubles import Silent  # noqa: E402

from bench.data.embedded_sets import DIGITS  # noqa: E402
from bench.planning import Plan, PlannedRun, Request, plan_study  # noqa: E402
from bench.records import Outcome  # noqa: E402
from bench.runner import run_study  # noqa: E402

POINTS = 10


def resident_bytes() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class MemoryReporter(Silent):
    """Prints time and memory per run at ten points of the study."""

    def __init__(self, trials: int) -> None:
        super().__init__()
        self.trials = trials
        self.ends = 0
        self.points: list[tuple[int, float, int]] = []

    def planned(self, plan: Plan) -> None:
        self.note()

    def ended(self, planned: PlannedRun, outcome: Outcome) -> None:
        self.ends += 1
        if self.ends % (self.trials // POINTS) == 0:
            self.note()

    def note(self) -> None:
        self.points.append((self.ends, time.perf_counter(), resident_bytes()))
        if len(self.points) > 1:
            (runs, then_s, old_bytes), (ends, now_s, new_bytes) = self.points[-2:]
            print(
                f"{ends:>7} runs: {1e3 * (now_s - then_s) / (ends - runs):.2f} ms per run, "
                f"{new_bytes / 1e6:.0f} MB, "
                f"{(new_bytes - old_bytes) / 1024 / (ends - runs):+.2f} KiB per run",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--cells", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = folder / "many.yaml"
        path.write_text(study(options.trials, options.cells), encoding="utf-8")
        DIGITS.fetch(folder / "data", lambda what, done, total: None)
        request = Request(path, results=folder, data_dir=folder / "data", report=False)
        before, began_s = resident_bytes(), time.perf_counter()
        reporter = MemoryReporter(options.trials)
        run_study(request, reporter, ManyNodes())
        ended_s = time.perf_counter()
        (_, planned_s, planned), *_, (ends, last_s, last) = reporter.points
        print(
            f"planned in {planned_s - began_s:.1f} s with {(planned - before) / 1e6:.0f} MB; "
            f"executed in {last_s - planned_s:.1f} s; finished in {ended_s - last_s:.1f} s\n"
            f"in total {1e3 * (ended_s - began_s) / ends:.2f} ms per run, "
            f"{(last - before) / 1024 / ends:.2f} KiB per run, "
            f"{(last - planned) / 1024 / ends:.2f} of it since planning"
        )
        began_s = time.perf_counter()
        left = len(plan_study(request, resources_for=ManyNodes().resources).uncached)
        print(f"planned again in {time.perf_counter() - began_s:.1f} s: {left} runs left")


if __name__ == "__main__":
    main()
