"""A gate called from a pre-commit hook: the commit is what the user staged, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from toy_repository import QUICK, committed, git

from bench.measure.git_commands import git_environment

# A suite that calls git itself, which must not mean the user's index either.
SUITE = """
import subprocess


def test_it(benchmark):
    subprocess.run(["git", "add", "--all"], check=True)
    benchmark.pedantic(lambda: None, rounds=1)
"""
# Of a single pair every verdict is inconclusive.
HOOK = """#!/bin/sh
"{python}" -P -m bench gate --base HEAD --pairs 1 > "{log}" 2>&1
test $? = 3
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    files = {"tests/benchmarks/test_a.py": SUITE, "tracked.txt": "old\n", "other.txt": "old\n"}
    folder = committed(tmp_path / "toy", files)
    hook = folder / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK.format(python=sys.executable, log=tmp_path / "log"), encoding="utf-8")
    hook.chmod(0o755)
    for name in ("tracked.txt", "other.txt"):
        (folder / name).write_text("new\n", encoding="utf-8")
    (folder / "untracked.txt").write_text("new\n", encoding="utf-8")
    return folder


def commit(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    """Commit through the hook; gives what the commit changed, and what it left."""
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")
    state = {k: v for k, v in environment.items() if k in git_environment()}
    done = subprocess.run(
        ["git", *who, "commit", "--quiet", "--message=second", *arguments],
        cwd=folder,
        env={**state, **QUICK},
        capture_output=True,
        text=True,
        check=False,
    )
    log = next(parent / "log" for parent in folder.parents if (parent / "log").is_file())
    assert done.returncode == 0, done.stderr + log.read_text(encoding="utf-8")
    return git(folder, "show", "--format=", "--name-status", "HEAD")


@pytest.mark.parametrize(
    ("arguments", "changed", "left"),
    [
        ([], "M\ttracked.txt\n", " M other.txt\n?? untracked.txt\n"),
        (["other.txt"], "M\tother.txt\n", "M  tracked.txt\n?? untracked.txt\n"),
    ],
)
def test_the_commit_holds_what_was_staged_in_the_main_checkout(
    toy: Path, environment: dict[str, str], arguments: list[str], changed: str, left: str
) -> None:
    git(toy, "add", "tracked.txt")
    assert commit(toy, environment, *arguments) == changed
    assert git(toy, "status", "--porcelain") == left


def test_the_commit_holds_what_was_staged_in_a_linked_worktree(
    toy: Path, environment: dict[str, str]
) -> None:
    linked = toy.parent / "linked"
    git(toy, "worktree", "add", "--quiet", "-b", "more", str(linked))
    (linked / "added.txt").write_text("new\n", encoding="utf-8")
    (linked / "tracked.txt").write_text("new\n", encoding="utf-8")
    git(linked, "add", "added.txt")
    assert commit(linked, environment) == "A\tadded.txt\n"
    assert git(linked, "status", "--porcelain") == " M tracked.txt\n"
    assert len(git(toy, "worktree", "list").splitlines()) == 2


def test_a_gate_does_not_write_the_index_even_where_its_times_are_old(
    toy: Path, environment: dict[str, str], run_bench: object
) -> None:
    git(toy, "add", "tracked.txt")
    os.utime(toy / "tests/benchmarks/test_a.py", (1, 1))  # what git would note down, if it could
    index = toy / ".git/index"
    before = index.read_bytes(), index.stat().st_mtime_ns
    done = run_bench(toy, "gate", "--base", "HEAD", "--pairs", 1, **QUICK)  # type: ignore[operator]
    assert done.returncode == 3, done.stderr
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before
