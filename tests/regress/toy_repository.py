"""A repository with a suite whose clock is made up, so that a gate's verdicts are certain."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.measure.git_commands import git_environment

# Loads no plugin but the one that it needs: most of a toy's time would go into the others.
QUICK = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p pytest_benchmark.plugin"}
# A call "takes" its cost, times a noise of 1% that differs by pair and side.
SUITE = """
import os
import random
from pathlib import Path

import pytest

import costs

side = random.Random(f"{os.environ['BENCH_SEED']} {Path.cwd().name}")
now_s = 0.0


def clock():
    return now_s


def take(name):
    global now_s
    now_s += getattr(costs, name) * side.uniform(0.99, 1.01)


@pytest.mark.parametrize("name", sorted(name for name in vars(costs) if name[0].islower()))
@pytest.mark.benchmark(timer=clock)
def test_it(benchmark, name):
    if getattr(costs, name) == "dies":
        os.abort()
    if getattr(costs, name) is None:
        raise RuntimeError(f"{name} does not work")
    if name in getattr(costs, "ACCURACY", {}):
        seed = int(os.environ["BENCH_SEED"])
        benchmark.extra_info["test_accuracy"] = costs.ACCURACY[name] + 0.001 * (seed % 3)
    benchmark.pedantic(take, args=(name,), rounds=5)
"""
CONFTEST = """
def pytest_benchmark_update_machine_info(config, machine_info):
    machine_info["fingerprint"] = {"machine": "MACHINE"}
"""


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")
    done = subprocess.run(
        ["git", *who, *arguments],
        cwd=folder,
        env=git_environment(),  # these tests may themselves be run by a hook
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def costs(folder: Path, seconds: Mapping[str, float | str | None], **more: object) -> None:
    """Write what each benchmark takes; None lets it fail, "dies" its process."""
    lines = [f"{name} = {cost!r}" for name, cost in {**seconds, **more}.items()]
    (folder / "costs.py").write_text("\n".join(lines) + "\n", encoding="utf-8")


def repository(folder: Path, seconds: Mapping[str, float | str | None], **more: object) -> Path:
    """Make a repository with one commit on its branch main."""
    suite = folder / "tests/benchmarks"
    suite.mkdir(parents=True)
    (suite / "test_toy.py").write_text(SUITE, encoding="utf-8")
    (suite / "conftest.py").write_text(CONFTEST.replace("MACHINE", "a CPU"), encoding="utf-8")
    costs(folder, seconds, **more)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=first")
    return folder


def committed(folder: Path, files: Mapping[str, str]) -> Path:
    """Make a repository with one commit, of these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=first")
    return folder
