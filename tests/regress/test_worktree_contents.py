"""Worktrees have the checkout's changes, submodules and file names in any encoding."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_repository import QUICK, committed, git

from bench.regress.worktrees import check_out

Run = Callable[..., subprocess.CompletedProcess[str]]
SUITE = "import sys\n\nsys.path.insert(0, 'libs/part')\nimport part\n\n\ndef test_it(benchmark):\n"
SUITE += "    assert part.VALUE == {value}\n    benchmark.pedantic(lambda: None, rounds=1)\n"
NOT_UTF8 = os.fsdecode(b"caf\xe9.txt")
FILE = ("-c", "protocol.file.allow=always")  # which git refuses to submodules by default


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A repository with a submodule that has another one."""
    inner = committed(tmp_path / "inner", {"inner.py": "VALUE = 1\n"})
    part = committed(tmp_path / "part", {"part.py": "VALUE = 1\n"})
    git(part, *FILE, "submodule", "--quiet", "add", str(inner), "inner")
    git(part, "commit", "--quiet", "--message=second")
    suite = {"tests/benchmarks/test_a.py": SUITE.format(value=1)}
    folder = committed(tmp_path / "toy", suite)
    git(
        folder, *FILE, "submodule", "--quiet", "add", "--name", "other-name", str(part), "libs/part"
    )
    git(folder, *FILE, "submodule", "--quiet", "update", "--init", "--recursive")
    git(folder, "commit", "--quiet", "--message=second")
    shutil.rmtree(part)  # nothing can be fetched any more
    shutil.rmtree(inner)
    return folder


@pytest.fixture
def in_toy(toy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(toy)
    return toy


def test_a_suite_that_needs_a_submodule_is_measured(toy: Path, run_bench: Run) -> None:
    before = git(toy, "config", "--list", "--local")
    done = run_bench(toy, "gate", "--base", "HEAD", "--pairs", 1, **QUICK)
    assert done.returncode == 3, done.stderr
    assert git(toy, "config", "--list", "--local") == before
    assert git(toy, "status", "--porcelain") == ""


def test_submodules_of_submodules_are_checked_out(in_toy: Path) -> None:
    with check_out("HEAD", None) as sides:
        for side in (sides.base, sides.head):
            assert (side.tree / "libs/part/inner/inner.py").is_file()
            assert side.absent == ()


def test_head_has_a_submodules_current_commit_and_its_changes_base_the_recorded_one(
    in_toy: Path,
) -> None:
    part = in_toy / "libs/part"
    (part / "part.py").write_text("VALUE = 2\n", encoding="utf-8")
    git(part, "commit", "--quiet", "--all", "--message=third")
    (part / "more.py").write_text("", encoding="utf-8")
    with check_out("HEAD", None) as sides:
        base, head = (side.tree / "libs/part" for side in (sides.base, sides.head))
        assert (base / "part.py").read_text(encoding="utf-8") == "VALUE = 1\n"
        assert (head / "part.py").read_text(encoding="utf-8") == "VALUE = 2\n"
        assert (head / "more.py").is_file() and not (base / "more.py").exists()
        assert sides.head.changed == 2


def test_a_commit_as_head_has_the_submodule_that_it_records(in_toy: Path) -> None:
    part = in_toy / "libs/part"
    (part / "part.py").write_text("VALUE = 2\n", encoding="utf-8")
    git(part, "commit", "--quiet", "--all", "--message=third")
    git(in_toy, "commit", "--quiet", "--all", "--message=third")
    (part / "part.py").write_text("VALUE = 3\n", encoding="utf-8")
    with check_out("HEAD~1", "HEAD") as sides:
        files = (side.tree / "libs/part/part.py" for side in (sides.base, sides.head))
        texts = [file.read_text(encoding="utf-8") for file in files]
        assert texts == ["VALUE = 1\n", "VALUE = 2\n"]


def test_a_linked_worktree_borrows_the_submodules_of_the_main_one(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = toy.parent / "linked"
    git(toy, "worktree", "add", "--quiet", "--detach", str(linked))
    assert not list((linked / "libs/part").iterdir())
    monkeypatch.chdir(linked)
    with check_out("HEAD", None) as sides:
        assert (sides.head.tree / "libs/part/inner/inner.py").is_file()


def test_a_missing_submodule_is_reported_with_a_hint(toy: Path, run_bench: Run) -> None:
    clone = toy.parent / "clone"
    git(toy.parent, "clone", "--quiet", str(toy), str(clone))
    done = run_bench(clone, "gate", "--base", "HEAD", "--pairs", 1, **QUICK)
    assert done.returncode == 2
    assert "No module named 'part'" in done.stderr
    assert "needs submodules that are not available locally: libs/part." in done.stderr
    assert "git submodule update --init --recursive" in done.stderr


def test_an_uncommitted_file_whose_name_is_not_utf8_is_copied(
    tmp_path: Path, run_bench: Run
) -> None:
    suite = f"from pathlib import Path\n\n\ndef test_it(benchmark):\n    name = {NOT_UTF8!a}\n"
    suite += "    assert Path(name).read_text() == 'new'\n"
    suite += "    benchmark.pedantic(lambda: None, rounds=1)\n"
    toy = committed(tmp_path / "toy", {"tests/benchmarks/test_a.py": suite})
    (toy / NOT_UTF8).write_text("new", encoding="utf-8")
    git(toy, "add", ".")
    git(toy, "commit", "--quiet", "--message=second")
    (toy / os.fsdecode(b"requirements-\xff.txt")).write_text("numpy\n", encoding="utf-8")
    done = run_bench(toy, "gate", "--base", "HEAD", "--pairs", 1, "--out", "kept", **QUICK)
    assert done.returncode == 3, done.stderr
    assert r"requirements-\udcff.txt changed" in done.stdout


def test_a_benchmark_file_whose_name_is_not_utf8_is_measured(
    tmp_path: Path, run_bench: Run
) -> None:
    toy = committed(tmp_path / "toy", {"tests/benchmarks/conftest.py": ""})
    file = toy / "tests/benchmarks" / os.fsdecode(b"test_\xe9.py")
    text = "def test_it(benchmark):\n    benchmark.pedantic(lambda: None, rounds=1)\n"
    text += "\n\ndef test_bad(benchmark):\n    raise OSError(__file__)\n"
    file.write_text(text, encoding="utf-8")
    git(toy, "add", ".")
    git(toy, "commit", "--quiet", "--message=second")
    done = run_bench(toy, "gate", "--base", "HEAD", "--pairs", 1, "--out", "kept", **QUICK)
    assert done.returncode == 1, done.stderr
    assert "1 failed" in done.stdout


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = committed(tmp_path / "plain", {"old.py": "", "a/x.py": "", "b": "", "data/y": ""})
    monkeypatch.chdir(folder)
    return folder


def contents(tree: Path) -> set[str]:
    paths = (path for path in tree.rglob("*") if ".git" not in path.relative_to(tree).parts)
    return {str(p.relative_to(tree)) for p in paths if p.is_symlink() or p.is_file()}


def test_a_moved_file_is_not_in_its_old_place(plain: Path) -> None:
    (plain / "old.py").write_text("VALUE = 1\n" * 20, encoding="utf-8")
    git(plain, "commit", "--quiet", "--all", "--message=second")
    git(plain, "mv", "old.py", "new.py")
    with check_out("HEAD", None) as sides:
        assert contents(sides.head.tree) == contents(plain)


def test_files_and_folders_may_change_places(plain: Path) -> None:
    shutil.rmtree(plain / "a")
    (plain / "a").write_text("a file now", encoding="utf-8")
    (plain / "b").unlink()
    (plain / "b").mkdir()
    (plain / "b/z").write_text("", encoding="utf-8")
    with check_out("HEAD", None) as sides:
        assert contents(sides.head.tree) == contents(plain)


def test_a_folder_that_became_a_link_stays_one(plain: Path) -> None:
    outside = plain.parent / "outside"
    (plain / "data").rename(outside)
    (plain / "data").symlink_to(outside)
    with check_out("HEAD", None) as sides:
        assert (sides.head.tree / "data").is_symlink()
        assert contents(sides.head.tree) == contents(plain)
    assert (outside / "y").is_file()


def test_an_unmounted_worktree_of_the_user_stays_registered(plain: Path) -> None:
    away = plain.parent / "away"
    git(plain, "worktree", "add", "--quiet", "--detach", str(away))
    away.rename(plain.parent / "unmounted")
    with check_out("HEAD", None):
        pass
    assert str(away) in git(plain, "worktree", "list")
