"""Check that `bench history` finds a known change point, and none where there is none.

    python validation/known_change_point.py --step-at 18 --dose 0.1
    python validation/known_change_point.py

A clone of this repository gets thirty commits that change nothing, except that from one of them on
the ConvNet's step takes `dose` longer. pytest-benchmark measures and stores each commit, as nightly
jobs would; then `bench history` looks for change points.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from count_gates import EXTRA_WORK, MODEL, ROOT, STEP_OVER_FORWARD

from bench.measure.git_commands import git_environment

COMMITS = 30


def main() -> None:
    options = _options()
    shutil.rmtree(options.out, ignore_errors=True)
    clone = options.out / "clone"
    _run(ROOT, "git", "clone", "--quiet", str(ROOT), str(clone))
    for number in range(COMMITS):
        if number == options.step_at:
            with (clone / MODEL).open("a", encoding="utf-8") as model:
                model.write(EXTRA_WORK.format(dose=options.dose * STEP_OVER_FORWARD))
        _commit(clone, number)
        command = ["pytest", "tests/benchmarks/test_steps.py", "-k", options.select]
        _run(clone, sys.executable, "-m", *command, "--benchmark-only", "--benchmark-autosave")
    if options.step_at is not None:
        commit = _run(clone, "git", "rev-parse", f"HEAD~{COMMITS - 1 - options.step_at}")
        print(f"the true change point is {commit[:9]}")
    print(_run(clone, sys.executable, "-P", "-m", "bench", "history", PYTHONPATH=str(ROOT)))


def _commit(clone: Path, number: int) -> None:
    author = ("-c", "user.name=validation", "-c", "user.email=validation@localhost")
    message = f"commit {number}"
    date = f"2026-01-{number + 1:02}T00:00:00+00:00"
    command = ("commit", "--quiet", "--all", "--allow-empty", f"--message={message}")
    _run(clone, "git", *author, *command, GIT_COMMITTER_DATE=date, GIT_AUTHOR_DATE=date)


def _run(folder: Path, *command: str, **environment: str) -> str:
    threads = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**git_environment(), **threads, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--step-at", type=int, help="first slower commit; none by default")
    parser.add_argument("--dose", type=float, default=0.1)
    parser.add_argument("-k", dest="select", default="64 and step]")
    parser.add_argument("--out", type=Path, default=Path("results/validation/history"))
    options = parser.parse_args()
    options.out = options.out.resolve()
    return options


if __name__ == "__main__":
    main()
