"""How bench, pytest-benchmark and hyperfine compare two training steps.

A is a training step of LeNet-5 at batch 64, B the same with a dose of extra work. For each tool one
function compares them into a folder, and one reads the findings from there.
"""

import csv
import json
import math
import os
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scipy.stats import ttest_ind

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.measure.git_commands import git_environment

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MIN_RUNS = 3  # of a command by hyperfine
RUN_OVER_START = 2  # how much longer than its start a run by hyperfine is
SIGNIFICANCE = 0.05
REGRESSION_RULES = {
    "median:5%": ("median", 0.05),
    "min:5%": ("min", 0.05),
    "median:10%": ("median", 0.10),
}
PYTEST_BENCHMARK = """
import os
from training_step import training_step

def test_step(benchmark):
    benchmark(training_step(float(os.environ["DOSE"])))
"""


@dataclass(frozen=True)
class Settings:
    """What all comparisons in a folder share; `start_s` and `step_s` are measured once."""

    out: Path
    seconds: float
    bench_timing: dict[str, Any]
    threads: int | None
    start_s: float = 0.0
    step_s: float = 0.0

    @property
    def hyperfine_runs(self) -> int:
        """Runs of each command, so that a run is about `RUN_OVER_START` times its start."""
        return max(MIN_RUNS, int(self.seconds / 2 / (RUN_OVER_START * self.start_s)))

    @property
    def hyperfine_steps(self) -> int:
        """Training steps of one run."""
        run_s = self.seconds / 2 / self.hyperfine_runs
        return max(1, int((run_s - self.start_s) / self.step_s))


@dataclass(frozen=True)
class Finding:
    """What a rule reports about B, and the estimated ratio of times, B / A."""

    change: Literal["slower", "faster", "none"]
    ratio: float


@dataclass(frozen=True)
class Tool:
    """How to compare A and B into a folder, and how to read each rule's finding from it."""

    compare: Callable[[Path, float, Settings], None]
    findings: Callable[[Path], Mapping[str, Finding]]


def compare_by_bench(folder: Path, dose: float, settings: Settings) -> None:
    """Run a study of two cells."""
    study = {
        "name": "step",
        "base": {
            "model": {"import": "extra_work:ExtraWork", "dose": 0.0, "copy": 0},
            "dataset": "digits",
            "batch_size": 64,
            "device": "cpu",
            "threads": settings.threads or "auto",
            "epochs": 0,
        },
        "include": [{"model.dose": dose} if dose else {"model.copy": 1}],
        "timing": {"epochs": 0, **settings.bench_timing},
    }
    (folder / "step.yaml").write_text(json.dumps(study), encoding="utf-8")
    command = ["bench", "run", str(folder / "step.yaml"), "--out", str(folder), "--no-report"]
    run_module([*command, "--data-dir", str(settings.out / "data")], settings, cwd=HERE)


def findings_of_bench(folder: Path) -> dict[str, Finding]:
    with (folder / "step" / "comparisons.csv").open(encoding="utf-8") as file:
        (row,) = (row for row in csv.DictReader(file) if row["measure"] == "step")
    ratio = float(row["ratio"] or "nan")
    is_change = row["verdict"] in ("REGRESSED", "IMPROVED")
    return {"verdict": finding(is_change, ratio)}


def compare_by_pytest(folder: Path, dose: float, settings: Settings) -> None:
    """Store A by one process, then compare B by a second."""
    (folder / "test_step.py").write_text(PYTEST_BENCHMARK, encoding="utf-8")
    limit_s = max(0.5, settings.seconds / 2 - settings.start_s)
    command = ["pytest", "test_step.py", "-c", os.devnull, "--rootdir", ".", "--benchmark-only"]
    command += [f"--benchmark-max-time={limit_s:.1f}", "--benchmark-storage=stored"]
    run_module([*command, "--benchmark-save=a"], settings, cwd=folder, variables={"DOSE": "0"})
    command += ["--benchmark-compare=0001", "--benchmark-compare-fail=median:5%"]
    b = {"DOSE": str(dose)}
    run_module(
        [*command, "--benchmark-save=b"], settings, cwd=folder, variables=b, exit_codes=(0, 1)
    )


def findings_of_pytest(folder: Path) -> dict[str, Finding]:
    a, b = (
        json.loads(next(folder.glob(f"stored/*/*_{name}.json")).read_text(encoding="utf-8"))
        for name in "ab"
    )
    found = {}
    for rule, (field, threshold) in REGRESSION_RULES.items():
        before, after = (stored["benchmarks"][0]["stats"][field] for stored in (a, b))
        found[rule] = finding(after / before > 1 + threshold, after / before)
    return found


def compare_by_hyperfine(folder: Path, dose: float, settings: Settings) -> None:
    """Run A some times, then B as often."""
    _hyperfine(folder / "0.json", {"A": 0.0, "B": dose}, settings.hyperfine_runs, settings)


def compare_by_interleaved_hyperfine(folder: Path, dose: float, settings: Settings) -> None:
    """Run A and B in turn, and in the other order every second time."""
    doses = [("A", 0.0), ("B", dose)]
    for i in range(settings.hyperfine_runs):
        _hyperfine(folder / f"{i}.json", dict(doses[:: -1 if i % 2 else 1]), 1, settings)


def _hyperfine(file: Path, doses: Mapping[str, float], runs: int, settings: Settings) -> None:
    command = ["hyperfine", "--shell=none", f"--runs={runs}", f"--export-json={file}"]
    for name, dose in doses.items():
        step = shlex.join(step_command(dose, settings.hyperfine_steps))
        command += ["--command-name", name, step]
    run_command(command, settings)


def findings_of_hyperfine(folder: Path) -> dict[str, Finding]:
    a, b = _times_s(folder, "A"), _times_s(folder, "B")
    ratio = statistics.mean(b) / statistics.mean(a)
    printed = max(ratio, 1 / ratio)  # hyperfine divides by the faster one
    uncertainty = printed * math.hypot(*(statistics.stdev(t) / statistics.mean(t) for t in (a, b)))
    p_value = float(ttest_ind(a, b, equal_var=False).pvalue)
    return {
        "ratio ± σ": finding(printed - 1 > uncertainty, ratio),
        f"Welch, p < {SIGNIFICANCE}": finding(p_value < SIGNIFICANCE, ratio),
    }


def _times_s(folder: Path, name: str) -> list[float]:
    """Return the exported times of a command over all calls of hyperfine."""
    files = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")]
    results = (result for file in files for result in file["results"])
    return [time_s for result in results if result["command"] == name for time_s in result["times"]]


def prepare_bench(settings: Settings) -> None:
    """Write the images of the studies."""
    run_module(
        ["bench", "data", "fetch", "digits", "--data-dir", str(settings.out / "data")], settings
    )


def step_command(dose: float, steps: int) -> list[str]:
    """Return a command that takes some training steps."""
    return [sys.executable, str(HERE / "training_step.py"), str(dose), str(steps)]


def run_command(
    command: Sequence[str],
    settings: Settings,
    *,
    cwd: Path = HERE,
    variables: Mapping[str, str] | None = None,
    exit_codes: Sequence[int] = (0,),
) -> str:
    """Run a command that can import the package and this folder; return its standard output.

    Ends this script with the command's output if its exit code is none of `exit_codes`.
    """
    threads = {"OMP_NUM_THREADS": str(settings.threads)} if settings.threads else {}
    path = os.pathsep.join([str(ROOT), str(HERE)])
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**git_environment(), "PYTHONPATH": path, **threads, **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in exit_codes:
        sys.exit(f"{shlex.join(command)}\n{done.stdout}{done.stderr}exit code {done.returncode}")
    return done.stdout


def run_module(arguments: Sequence[str], settings: Settings, **more: Any) -> str:
    """Run a module by this interpreter."""
    return run_command([sys.executable, "-m", *arguments], settings, **more)


def finding(is_change: bool, ratio: float) -> Finding:
    """Return a finding; the ratio gives the direction."""
    if not is_change:
        return Finding("none", ratio)
    return Finding("slower" if ratio > 1 else "faster", ratio)
