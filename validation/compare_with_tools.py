"""Count what benchmarking tools report about a change of a training step of known size.

    apt install hyperfine && pip install asv virtualenv
    python validation/compare_with_tools.py --repetitions 20 --seconds 60

A is a training step of LeNet-5 at batch 64. B is the same with no extra work, where any reported
change is a false alarm, or with 5% more work (see `extra_work.py`). Every repetition compares both
pairs with every tool, in shuffled order. A comparison takes about --seconds, except that of `bench
run`, which follows from --bench-timing.

- bench: a study of both cells; the verdict on the time of a step.
- pytest-benchmark: A is stored by one process and compared with B in a second. The rules report
  only regressions. --benchmark-max-time fills the time.
- hyperfine: processes of a fixed number of steps, start included; A, then B, or in turn (one run of
  each per call, the order alternates). A change is reported beyond the ± of the printed ratio, or
  by Welch's t-test on the exported times.
- asv: `asv continuous --interleave-rounds` on a repository of generated commits. It refuses an
  existing environment, so it gets a virtualenv with a .pth file that names this interpreter's
  packages. The number of rounds fills the time; the rest is asv's default.

`bench run` shortens the time that OpenMP threads spin; set GOMP_SPINCOUNT=1000 to have that for all
tools. Set up a folder on a quiet machine, for a step is measured then, once.

Raw results are kept in --out and finished comparisons are not repeated, so --repetitions can be
raised later.
"""

import argparse
import importlib.metadata
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asv_adapter import compare_by_asv, findings_of_asv, prepare_asv, rounds_of
from tool_adapters import (
    Finding,
    Settings,
    Tool,
    compare_by_bench,
    compare_by_hyperfine,
    compare_by_interleaved_hyperfine,
    compare_by_pytest,
    findings_of_bench,
    findings_of_hyperfine,
    findings_of_pytest,
    prepare_bench,
    run_command,
    step_command,
)

import bench

TOOLS = {
    "bench run": Tool(compare_by_bench, findings_of_bench),
    "pytest-benchmark": Tool(compare_by_pytest, findings_of_pytest),
    "hyperfine": Tool(compare_by_hyperfine, findings_of_hyperfine),
    "hyperfine, interleaved": Tool(compare_by_interleaved_hyperfine, findings_of_hyperfine),
    "asv continuous": Tool(compare_by_asv, findings_of_asv),
}
DOSES = (0.0, 0.05)
CALIBRATION_STEPS = 300
COLUMNS = (
    "tool",
    "rule",
    "false alarms",
    f"{DOSES[1]:.0%} found",
    "wrong direction",
    f"estimate at {DOSES[1]:.0%}: median [range]",
    "seconds per comparison",
)


def main() -> None:
    options = _options()
    versions = tool_versions()  # raises for a missing tool before anything is measured
    settings = prepared(options)
    for repetition in range(options.repetitions):
        comparisons = [(tool, dose) for tool in TOOLS for dose in DOSES]
        random.Random(repetition).shuffle(comparisons)
        for tool, dose in comparisons:
            compare(tool, dose, folder_of(settings, repetition, tool, dose), settings)
    print(table(settings, options.repetitions))
    print(f"\n{versions}; repetitions: {options.repetitions}.\n{notes(settings)}")


def prepared(options: argparse.Namespace) -> Settings:
    """Return the settings of a folder; measure a step and set the tools up if it is new.

    Ends this script if the folder has results of other settings.
    """
    requested = {
        "seconds": options.seconds,
        "bench_timing": options.bench_timing,
        "threads": options.threads,
    }
    settings = Settings(options.out, **requested)
    file = options.out / "settings.json"
    if not file.is_file():
        options.out.mkdir(parents=True, exist_ok=True)
        settings = calibrated(settings)
        prepare_bench(settings)
        prepare_asv(settings, DOSES)
        measured = {"start_s": settings.start_s, "step_s": settings.step_s}
        file.write_text(json.dumps({**requested, **measured}, indent=1), encoding="utf-8")
    stored = json.loads(file.read_text(encoding="utf-8"))
    if {name: stored[name] for name in requested} != requested:
        sys.exit(f"{options.out} has results of other settings: {stored}\nChoose another --out.")
    return Settings(options.out, **stored)


def calibrated(settings: Settings) -> Settings:
    """Measure the start of a process that takes training steps, and one such step, in seconds."""
    _elapsed_s(0, settings)  # fills the caches
    start_s = min(_elapsed_s(0, settings) for _ in range(3))
    total_s = min(_elapsed_s(CALIBRATION_STEPS, settings) for _ in range(3))
    step_s = max(total_s - start_s, 0.01) / CALIBRATION_STEPS
    return replace(settings, start_s=start_s, step_s=step_s)


def _elapsed_s(steps: int, settings: Settings) -> float:
    started_s = time.perf_counter()
    run_command(step_command(0.0, steps), settings)
    return time.perf_counter() - started_s


def folder_of(settings: Settings, repetition: int, tool: str, dose: float) -> Path:
    name = "-".join(tool.replace(",", "").split())
    return settings.out / f"{repetition:03d}" / f"{name}-{100 * dose:.0f}"


def compare(tool: str, dose: float, folder: Path, settings: Settings) -> None:
    """Compare A and B unless that is done."""
    if (folder / "elapsed_s").is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    started_s = time.perf_counter()
    TOOLS[tool].compare(folder, dose, settings)
    elapsed_s = time.perf_counter() - started_s
    found = TOOLS[tool].findings(folder)
    (folder / "elapsed_s").write_text(str(elapsed_s), encoding="utf-8")
    changes = ", ".join(f"{rule}: {f.change} ({f.ratio:.3f})" for rule, f in found.items())
    print(f"{folder.parent.name} {tool}, {dose:.0%}: {changes}", file=sys.stderr, flush=True)


def table(settings: Settings, repetitions: int) -> str:
    """Return a markdown table of the counts, one row per tool and rule."""
    rows: list[Sequence[str]] = [COLUMNS, ["---"] * 2 + ["---:"] * (len(COLUMNS) - 2)]
    for tool in TOOLS:
        folders = [
            [folder_of(settings, i, tool, dose) for i in range(repetitions)] for dose in DOSES
        ]
        same, slower = ([TOOLS[tool].findings(f) for f in of_dose] for of_dose in folders)
        elapsed_s = statistics.median(
            float((folder / "elapsed_s").read_text(encoding="utf-8"))
            for of_dose in folders
            for folder in of_dose
        )
        for rule in same[0]:
            counts = _counts([found[rule] for found in same], [found[rule] for found in slower])
            rows.append([tool, rule, *counts, f"{elapsed_s:.0f}"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _counts(same: Sequence[Finding], slower: Sequence[Finding]) -> list[str]:
    """Return false alarms, found changes, wrong directions, and the estimate."""
    ratios = sorted(finding.ratio for finding in slower)
    numbers = (statistics.median(ratios), ratios[0], ratios[-1])
    estimate, low, high = (f"{ratio - 1:+.1%}" for ratio in numbers)
    return [
        f"{sum(finding.change != 'none' for finding in same)} of {len(same)}",
        f"{sum(finding.change == 'slower' for finding in slower)} of {len(slower)}",
        f"{sum(finding.change == 'faster' for finding in slower)} of {len(slower)}",
        f"{estimate} [{low}, {high}]",
    ]


def tool_versions() -> str:
    """Return the names and versions of the tools."""
    packages = ("pytest-benchmark", "asv", "virtualenv")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    hyperfine = subprocess.run(
        ["hyperfine", "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return ", ".join([f"bench {bench.__version__}", hyperfine, *versions])


def notes(settings: Settings) -> str:
    """Return the settings, and how much of hyperfine's time is the start of the process."""
    run_s = settings.start_s + settings.hyperfine_steps * settings.step_s
    share = settings.start_s / run_s
    return (
        f"{settings.seconds:g} s per comparison; bench timing {json.dumps(settings.bench_timing)}; "
        f"threads: {settings.threads or 'all cores'}; "
        f"GOMP_SPINCOUNT: {os.environ.get('GOMP_SPINCOUNT', 'not set')}.\n"
        f"A step of A takes {1e3 * settings.step_s:.2f} ms. hyperfine: {settings.hyperfine_runs} "
        f"runs of {settings.hyperfine_steps} steps; {share:.0%} of a run ({settings.start_s:.1f} "
        f"of {run_s:.1f} s) is start-up, so that {DOSES[1]:.0%} more work is "
        f"{DOSES[1] * (1 - share):.1%} of its time. asv: {rounds_of(settings)} rounds. "
        "pytest-benchmark's rules report only regressions."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0, help="per tool and comparison")
    parser.add_argument(
        "--bench-timing", type=json.loads, default={}, help='as in a study, JSON: {"blocks": 10}'
    )
    parser.add_argument("--threads", type=int, help="of every tool; all cores by default")
    parser.add_argument("--out", type=Path, default=Path("results/validation/tools"))
    options = parser.parse_args()
    options.out = options.out.resolve()
    return options


if __name__ == "__main__":
    main()
