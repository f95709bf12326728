"""Count the verdicts of `bench gate` where the truth is known.

    python validation/count_gates.py same    --sessions 13
    python validation/count_gates.py same    --sessions 13 --busy
    python validation/count_gates.py slower  --sessions 10 --dose 0.1
    python validation/count_gates.py swapped --sessions 2  --dose 0.1

`same`: one commit on both sides; REGRESSED and IMPROVED are false. Beside it the same processes
are judged as `--benchmark-compare-fail=median:10%` does it, by pytest-benchmark's own code: each
of head against each base of the same pair, and against the one before. `slower`: head is a commit
in which the ConvNet's forward does so much more work that a whole step takes `dose` longer.
`swapped`: the sides change places.

Each session is a `bench gate` of its own, in a clone of this repository. What it kept is not
measured again, so that `--sessions` can be raised later.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from count_verdicts import neighbour, nobody
from pytest_benchmark.utils import parse_compare_fail

from bench.measure.git_commands import git_environment

ROOT = Path(__file__).parents[1]
MODEL = "bench/models/convnet.py"
STEP_OVER_FORWARD = 3.1  # of this network at batch 64 on one thread: 13.7 ms over 4.4 ms
DOSED = '''

def _dosed(forward):
    """Multiply small matrices for a part of the time that the forward pass itself took."""
    import time

    import torch

    matrix, into = torch.full((64, 64), 1 / 64), torch.empty(64, 64)

    def run(self, images):
        began_ns = time.perf_counter_ns()
        output = forward(self, images)
        now_ns = time.perf_counter_ns()
        with torch.no_grad():
            while time.perf_counter_ns() < now_ns + {dose} * (now_ns - began_ns):
                torch.mm(matrix, matrix, out=into)
        return output

    return run


ConvNet.forward = _dosed(ConvNet.forward)
'''


def main() -> None:
    options = _options()
    clone = options.out / "clone"
    if not clone.is_dir():
        _git(ROOT, "clone", "--quiet", str(ROOT), str(clone))
    name = options.kind + (" busy" if options.busy else "")
    if options.kind != "same":
        name += f" {options.dose:.0%}"
    folders = [options.out / name / f"{i:02d}" for i in range(options.sessions)]
    with neighbour() if options.busy else nobody():
        for folder in folders:
            if not (folder / "verdicts.json").is_file():
                _gate(clone, folder, options)
    print(f"{name}: {len(folders)} sessions")
    print(_counted(folders))
    if options.kind == "same":
        print(_by_pytest_benchmark(folders))


def _gate(clone: Path, folder: Path, options: argparse.Namespace) -> None:
    base, head = "main", "main"
    if options.kind != "same":
        head = _slower(clone, options.dose)
    if options.kind == "swapped":
        base, head = head, base
    threads = {"OMP_NUM_THREADS": str(options.threads)} if options.threads else {}
    command = [sys.executable, "-P", "-m", "bench", "gate", "--base", base, "--head", head]
    command += ["--suite", "tests/benchmarks/test_steps.py", "-k", options.select]
    command += ["--pairs", str(options.pairs)] if options.pairs else []
    done = subprocess.run(
        [*command, "--out", str(folder)],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(ROOT), **threads},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1, 3):
        sys.exit(done.stdout + done.stderr)
    (folder / "said.txt").write_text(f"{done.stdout}exit {done.returncode}\n", encoding="utf-8")


def _slower(clone: Path, dose: float) -> str:
    """Commit a ConvNet whose step takes `dose` longer, on a branch of its own."""
    branch = f"slower-{dose}"
    known = _git(clone, "for-each-ref", "--format=%(refname:short)").split()
    if branch not in known:
        _git(clone, "checkout", "--quiet", "-b", branch, "main")
        text = (clone / MODEL).read_text(encoding="utf-8")
        extra = DOSED.format(dose=dose * STEP_OVER_FORWARD)
        (clone / MODEL).write_text(text + extra, encoding="utf-8")
        who = ("-c", "user.name=validation", "-c", "user.email=validation@localhost")
        _git(clone, *who, "commit", "--quiet", "-am", f"Take {dose:.0%} longer")
        _git(clone, "checkout", "--quiet", "main")
    return branch


def _counted(folders: list[Path]) -> str:
    """Count the verdicts by benchmark; `mde` is the median and the largest that was printed."""
    rows = pd.DataFrame(
        row | {"session": folder.name}
        for folder in folders
        for row in json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    )
    rows["benchmark"] = rows["benchmark"].str.rpartition("::")[2]
    counts = rows.groupby("benchmark")["verdict"].value_counts().unstack(fill_value=0)
    numbers = rows.groupby("benchmark").agg(
        ratio=("ratio", "median"),
        pairs=("n", "median"),
        mde=("mde", "median"),
        largest_mde=("mde", "max"),
        left_out=("left_out", "sum"),
    )
    codes = Counter(
        path.read_text(encoding="utf-8").split()[-1]
        for folder in folders
        if (path := folder / "said.txt").is_file()  # not where this script was interrupted
    )
    return f"{counts.join(numbers).round(3).to_string()}\nexit codes: {dict(codes)}"


def _by_pytest_benchmark(folders: list[Path]) -> str:
    """Judge the same processes by pytest-benchmark's own rule, median:10%."""
    check = parse_compare_fail("median:10%")
    alarms = [
        check.fails({"median": after}, {"median": before}) is not None
        for before, after in _neighbours(folders)
    ]
    return (
        f"--benchmark-compare-fail=median:10%: {sum(alarms)} alarms in {len(alarms)} comparisons "
        f"({sum(alarms) / len(alarms):.1%})"
    )


def _neighbours(folders: list[Path]) -> Iterator[tuple[float, float]]:
    """Give the medians of two processes that ran the same code at about the same time."""
    for folder in folders:
        table = pd.read_csv(folder / "pairs.csv")
        first = table[(table["measure"] == "time") & (table["turn"] == 0)]
        for _, its in first.groupby("benchmark"):
            wide = its.pivot(index="pair", columns="role", values="value").dropna()
            yield from zip(wide["base"], wide["head"], strict=True)
            yield from zip(wide["base"][:-1], wide["head"][1:], strict=True)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=git_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=["same", "slower", "swapped"])
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--dose", type=float, default=0.1)
    parser.add_argument("--pairs", type=int, help="planned by the gate by default")
    parser.add_argument("-k", dest="select", default="64")
    parser.add_argument("--threads", type=int, help="all cores by default")
    parser.add_argument("--out", type=Path, default=Path("results/validation/gates"))
    parser.add_argument("--busy", action="store_true", help="keep a core busy beside it")
    options = parser.parse_args()
    options.out = options.out.resolve()
    return options


if __name__ == "__main__":
    main()
