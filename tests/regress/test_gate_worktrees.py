"""A gate checks out base and head, and measures each with its own code."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_repository import CONFTEST, QUICK, costs, git, repository

from bench.regress.worktrees import PREFIX, check_out

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return repository(tmp_path / "toy", {"step": 0.1})


def test_one_pair_is_inconclusive(toy: Path, run_bench: Run) -> None:
    done = run_bench(toy, "gate", "--base", "HEAD", "--pairs", 1, "--json")
    assert done.returncode == 3
    (row,) = json.loads(done.stdout)
    assert row["benchmark"] == "tests/benchmarks/test_toy.py::test_it[step]"
    assert (row["verdict"], row["low"], row["n"]) == ("INCONCLUSIVE", None, 1)


def test_progress_counts_the_pairs_requested(toy: Path, run_bench: Run) -> None:
    done = run_bench(toy, "gate", "--base", "HEAD", "--pairs", 2, **QUICK)
    pairs = [line for line in done.stdout.splitlines() if line.startswith("pair ")]
    assert [line[:11] for line in pairs] == ["pair 1 of 2", "pair 2 of 2"]


def test_a_benchmark_that_kills_its_process_fails_and_the_others_go_on(
    tmp_path: Path, run_bench: Run
) -> None:
    toy = repository(tmp_path / "toy", {"first": 0.1, "step": 0.1})
    costs(toy, {"first": "dies", "step": 0.1})
    done = run_bench(toy, "gate", "--base", "HEAD", "--pairs", 2, "--json", **QUICK)
    rows = {row["benchmark"][-7:]: row for row in json.loads(done.stdout)}
    assert rows["[first]"]["verdict"] == "FAILED"
    assert "SIGABRT" in rows["[first]"]["why"]
    assert rows["t[step]"]["n"] == 1
    assert done.returncode == 1


def test_a_base_with_another_fingerprint_is_incomparable(toy: Path, run_bench: Run) -> None:
    conftest = toy / "tests/benchmarks/conftest.py"
    conftest.write_text(CONFTEST.replace("MACHINE", "another CPU"), encoding="utf-8")
    done = run_bench(toy, "gate", "--base", "HEAD", **QUICK)
    assert done.returncode == 4
    assert "machine: a CPU on base, another CPU on head" in done.stdout
    assert "incomparable" in done.stdout


def test_unmet_dependencies_make_a_gate_incomparable(toy: Path, run_bench: Run) -> None:
    project = '[project]\nname = "toy"\nversion = "1"\ndependencies = ["numpy<1"]\n'
    (toy / "pyproject.toml").write_text(project, encoding="utf-8")
    done = run_bench(toy, "gate", "--base", "HEAD", **QUICK)
    assert done.returncode == 4
    assert "dependencies differ: nothing → numpy<1" in done.stdout
    assert "the working tree needs numpy<1, but" in done.stdout


def test_base_without_the_suite_is_measured_with_heads(toy: Path, run_bench: Run) -> None:
    git(toy, "mv", "tests/benchmarks", "tests/speed")
    done = run_bench(toy, "gate", "--base", "HEAD", "--suite", "tests/speed", "--pairs", 1, **QUICK)
    assert done.returncode == 3
    assert "base has no tests/speed: measured with head's" in done.stdout


def test_each_side_imports_its_own_sources_below_src(tmp_path: Path, run_bench: Run) -> None:
    toy = repository(tmp_path / "toy", {})
    (toy / "src").mkdir()
    costs(toy / "src", {"step": 0.1})
    git(toy, "rm", "--quiet", "costs.py")
    git(toy, "add", ".")
    git(toy, "commit", "--quiet", "--message=src")
    costs(toy / "src", {"step": 0.2})
    done = run_bench(toy, "gate", "--base", "HEAD", "--pairs", 1, "--json", **QUICK)
    assert json.loads(done.stdout)[0]["ratio"] == pytest.approx(2, rel=0.05)


def test_code_from_outside_the_worktree_is_an_error(toy: Path, run_bench: Run) -> None:
    loads = f"import sys\nsys.path.insert(0, {str(toy)!r})\n"
    with (toy / "tests/benchmarks/conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(loads)
    done = run_bench(toy, "gate", "--base", "HEAD", **QUICK)
    assert done.returncode == 2
    assert f"costs comes from {toy / 'costs.py'}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--base", "mian"], "unknown commit 'mian'\n  Did you mean 'main'?"),
        (["--base", "main", "--suite", "nowhere"], "nowhere: no such suite"),
        (["--base", "main", "-k", "nothing"], "contains no benchmark that matches -k 'nothing'"),
        (["--base", "main", "--detect", "much"], "--detect: invalid fraction 'much'"),
        (["--base", "main", "--suite", "x.yaml", "-k", "a"], "-k selects pytest benchmarks"),
        (["--base", "main", "--base-python", "no/python"], "no program 'no/python' found"),
    ],
)
def test_bad_input_is_one_message(
    toy: Path, run_bench: Run, arguments: list[str], message: str
) -> None:
    done = run_bench(toy, "gate", *arguments, **QUICK)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_suite_that_cannot_be_loaded_shows_pytests_output(toy: Path, run_bench: Run) -> None:
    (toy / "costs.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    done = run_bench(toy, "gate", "--base", "HEAD", **QUICK)
    assert done.returncode == 2
    assert "No module named 'nothing_of_that_name'" in done.stderr


def test_a_gate_outside_a_repository_is_an_error_with_a_hint(
    tmp_path: Path, run_bench: Run
) -> None:
    outside = {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    done = run_bench(tmp_path, "gate", "--base", "HEAD", **outside)
    assert done.returncode == 2
    assert "inside a git repository" in done.stderr


def test_a_terminated_gate_removes_its_worktrees(toy: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "bench", "gate", "--base", "HEAD", "--pairs", "100"]
    with subprocess.Popen(
        command, cwd=toy, env={**environment, **QUICK}, stdout=subprocess.PIPE, text=True
    ) as gate:
        assert gate.stdout is not None
        while "pair 1 of" not in gate.stdout.readline():
            assert gate.poll() is None
        gate.send_signal(signal.SIGTERM)
        assert gate.wait() == 130
    assert len(git(toy, "worktree", "list").splitlines()) == 1


def test_the_worktrees_of_a_killed_gate_are_removed_by_the_next(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = toy.parent / f"{PREFIX}{ended.pid}-x" / "base"
    living = toy.parent / f"{PREFIX}{os.getpid()}-x" / "base"
    for tree in (left, living):
        git(toy, "worktree", "add", "--quiet", "--detach", str(tree))
    monkeypatch.chdir(toy)
    with check_out("HEAD", None) as sides:
        assert sides.base.folder.is_dir()
    assert not left.parent.exists()
    assert living.is_dir()


def test_head_is_the_working_tree_without_ignored_files(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toy / ".gitignore").write_text("*.bin\n", encoding="utf-8")
    (toy / "large.bin").write_text("", encoding="utf-8")
    (toy / "costs.py").unlink()
    monkeypatch.chdir(toy / "tests")
    with check_out("HEAD", None) as sides:
        head, base = sides.head, sides.base
        assert head.folder.name == base.folder.name == "tests"
        assert {p.name for p in head.tree.iterdir()} == {".git", ".gitignore", "tests"}
        assert {p.name for p in base.tree.iterdir()} == {".git", "costs.py", "tests"}
        assert head.changed == 2
