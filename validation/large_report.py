"""Time `bench report` on a synthetic study of a thousand cells and 120,000 timing rows.

    python validation/large_report.py --into /tmp/thousand

Prints the median time of `bench report` and `bench report --html`, run in turns, and the sizes of
the reports, which stay in the folder.
"""

import argparse
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench.analysis.derived_tables import write_derived_tables  # noqa: E402
from bench.analysis.results import make_results  # noqa: E402
from bench.planning import Request, plan_study  # noqa: E402
from bench.records import EpochRow, Outcome, TimingRow, TrialRow  # noqa: E402
from bench.store import Store, write_atomic  # noqa: E402
from bench.study.runs import Run  # noqa: E402
from bench.study.yaml_source import write_yaml  # noqa: E402

STUDY = """
name: thousand
base: {dataset: digits, epochs: 2, device: cpu}
axes:
  model: [convnet, lenet5]
  batch_size: [16, 32, 64, 128, 256]
  optimizer: [adam, adamw, sgd, rmsprop, adagrad]
  lr: [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]
  memory_format: [contiguous, channels_last]
timing: {blocks: 6}
"""
ROUNDS = 4
SHARES = {"data": 0.1, "forward": 0.3, "backward": 0.5, "optimizer": 0.1, "step": 1.0}
draw = random.Random(0)


def synthetic_outcome(run: Run) -> Outcome:
    """Return an outcome whose numbers follow from the run's cell, with a little noise."""
    cell = run.cell
    cell_draw = random.Random(run.cell.cell_id)
    step_s = cell.batch_size * cell_draw.uniform(10e-6, 80e-6)
    ended = run.ended("ok", None, 2.0)
    if run.kind == "block" and ended.block is not None:
        timings = tuple(
            TimingRow(
                block=run.block, phase=phase, round=i, role=run.role, status="ok",
                seconds=share * step_s * draw.gauss(1, 0.01), is_warmup=i == 0,
            )
            for phase, share in SHARES.items()
            for i in range(ROUNDS)
        )  # fmt: skip
        return replace(ended, timings=timings)
    if run.kind == "cost":
        return ended
    accuracy = cell_draw.uniform(0.9, 0.99) + draw.gauss(0, 0.001)
    train_s = 60_000 / cell.batch_size * step_s
    epochs = tuple(
        EpochRow(
            trial_id=run.run_id, seed=run.seed, epoch=i, train_loss=0.5 / i, test_loss=0.4 / i,
            test_accuracy=accuracy - 0.01 * (2 - i), train_s=train_s, eval_s=0.2,
            images_per_s=60_000 / train_s, elapsed_train_s=i * train_s,
        )
        for i in (1, 2)
    )  # fmt: skip
    trial = TrialRow(
        trial_id=run.run_id, seed=run.seed, status="ok", epochs_done=2, test_accuracy=accuracy,
        test_loss=0.2, best_test_accuracy=accuracy, train_s=2 * train_s, eval_s=0.2, wall_s=3.0,
        images_per_s=60_000 / train_s, parameters=10,
    )  # fmt: skip
    return replace(ended, trial=trial, epochs=epochs)


def write_results(folder: Path) -> Path:
    """Write the results folder unless it exists."""
    results = folder / "results/thousand"
    if not (results / "trials.csv").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        study = folder / "thousand.yaml"
        study.write_text(STUDY, encoding="utf-8")
        plan = plan_study(Request(study, results=folder / "results", offline=True))
        store = Store(results)
        outcomes = [synthetic_outcome(planned.run) for planned in plan.runs]
        store.write_tables(outcomes)
        write_derived_tables(make_results(outcomes, results), results)
        write_atomic(results / "study.yaml", write_yaml(plan.study.as_written()))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    results = write_results(options.into)
    with (results / "timings.csv").open(encoding="utf-8") as rows:
        print(f"{sum(1 for _ in rows) - 1:,} timing rows")
    report = [sys.executable, "-m", "bench", "report", str(results)]
    elapsed_s: dict[str, list[float]] = {"": [], "--html": []}
    for _ in range(options.times):
        for option, seconds in elapsed_s.items():
            command = [*report, "--reports", str(options.into / "reports"), *option.split()]
            started_s = time.perf_counter()
            subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - started_s)
    for option, seconds in elapsed_s.items():
        print(f"bench report {option:6} {median(seconds):.1f} s (median of {len(seconds)})")
    for page in sorted((options.into / "reports/thousand").glob("report.*")):
        print(f"{page.name} {page.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
