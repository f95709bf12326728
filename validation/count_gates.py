"""Count the verdicts of `bench gate` where the truth is known.

    python validation/count_gates.py same    --sessions 13
    python validation/count_gates.py same    --sessions 13 --busy
    python validation/count_gates.py slower  --sessions 10 --dose 0.1
    python validation/count_gates.py swapped --sessions 2  --dose 0.1

`same`: one commit on both sides; REGRESSED and IMPROVED are false. The same processes are also
compared by pytest-benchmark's own `--benchmark-compare-fail=median:10%`: each head with the base of
its pair, and with the base before. `slower`: head is a commit in which the ConvNet's forward does
extra work, so that a step takes `dose` longer. `swapped`: base is the slower commit.

Each session is one `bench gate` in a clone of this repository. Finished sessions are not repeated,
so `--sessions` can be raised later.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
from count_verdicts import busy_process
from pytest_benchmark.utils import parse_compare_fail

from bench.measure.git_commands import git_environment

ROOT = Path(__file__).parents[1]
MODEL = "bench/models/convnet.py"
STEP_OVER_FORWARD = 3.1  # at batch 64 on one thread: 13.7 ms / 4.4 ms
EXTRA_WORK = '''

def _with_extra_work(forward):
    """Multiply small matrices for a fraction of the time that the forward pass took."""
    import time

    import torch

    matrix, product = torch.full((64, 64), 1 / 64), torch.empty(64, 64)

    def run(self, images):
        began_ns = time.perf_counter_ns()
        output = forward(self, images)
        now_ns = time.perf_counter_ns()
        with torch.no_grad():
            while time.perf_counter_ns() < now_ns + {dose} * (now_ns - began_ns):
                torch.mm(matrix, matrix, out=product)
        return output

    return run


ConvNet.forward = _with_extra_work(ConvNet.forward)
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
    with busy_process() if options.busy else nullcontext():
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
    (folder / "output.txt").write_text(f"{done.stdout}exit {done.returncode}\n", encoding="utf-8")


def _slower(clone: Path, dose: float) -> str:
    """Commit a ConvNet whose step takes `dose` longer to a branch, and return the branch."""
    branch = f"slower-{dose}"
    if branch not in _git(clone, "for-each-ref", "--format=%(refname:short)").split():
        _git(clone, "checkout", "--quiet", "-b", branch, "main")
        text = (clone / MODEL).read_text(encoding="utf-8")
        extra = EXTRA_WORK.format(dose=dose * STEP_OVER_FORWARD)
        (clone / MODEL).write_text(text + extra, encoding="utf-8")
        author = ("-c", "user.name=validation", "-c", "user.email=validation@localhost")
        _git(clone, *author, "commit", "--quiet", "-am", f"Take {dose:.0%} longer")
        _git(clone, "checkout", "--quiet", "main")
    return branch


def _counted(folders: list[Path]) -> str:
    """Count the verdicts by benchmark."""
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
        if (path := folder / "output.txt").is_file()
    )
    return f"{counts.join(numbers).round(3).to_string()}\nexit codes: {dict(codes)}"


def _by_pytest_benchmark(folders: list[Path]) -> str:
    """Count the alarms of pytest-benchmark's own rule, median:10%."""
    check = parse_compare_fail("median:10%")
    alarms = [
        check.fails({"median": after}, {"median": before}) is not None
        for before, after in _successive_medians(folders)
    ]
    return (
        f"--benchmark-compare-fail=median:10%: {sum(alarms)} alarms in {len(alarms)} comparisons "
        f"({sum(alarms) / len(alarms):.1%})"
    )


def _successive_medians(folders: list[Path]) -> Iterator[tuple[float, float]]:
    """Yield the medians of two processes that ran the same code at about the same time."""
    for folder in folders:
        table = pd.read_csv(folder / "pairs.csv")
        first = table[(table["measure"] == "time") & (table["turn"] == 0)]
        for _, rows in first.groupby("benchmark"):
            wide = rows.pivot(index="pair", columns="role", values="value").dropna()
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
    parser.add_argument("--busy", action="store_true", help="keep one core busy meanwhile")
    options = parser.parse_args()
    options.out = options.out.resolve()
    return options


if __name__ == "__main__":
    main()
