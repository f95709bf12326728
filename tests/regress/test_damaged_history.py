"""A history leaves out invalid files and benchmarks, and reports each with the reason."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stored_runs import stored
from toy_repository import QUICK, costs, repository

from bench.errors import StoreError
from bench.regress.history import find_trends
from bench.regress.stored_benchmarks import read_sessions

Done = Callable[..., Any]
BAD: dict[str, bytes | None] = {
    "empty": b"",
    "foreign": b'{"name": "a package", "version": "1.0"}',
    "list": b"[1, 2, 3]",
    "truncated": b'{"machine_info": {"node": "x"}, "bench',
    "not_utf8": b'{"name": "caf\xe9"}',
    "nested": b"[" * 100_000,
    "folder": None,
}
BAD_REASONS = {
    "empty": "invalid JSON in line 1",
    "foreign": "machine_info is missing",
    "list": "expected a JSON object, got [1, 2, 3]",
    "truncated": "invalid JSON in line 1",
    "not_utf8": "invalid UTF-8",
    "nested": "nested too deeply",
    "folder": "not a regular file",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three good sessions."""
    for number in range(3):
        stored(tmp_path / ".benchmarks", number, {"a": 1.0 + number, "b": 1.0})
    return tmp_path / ".benchmarks"


def with_stats(path: Path, **stats: float) -> None:
    """Change the numbers of the first benchmark of a stored session."""
    document = json.loads(path.read_text(encoding="utf-8"))
    document["benchmarks"][0]["stats"] |= stats
    path.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_reported_and_the_others_are_read(
    folder: Path, bench: Done, kind: str
) -> None:
    bad, content = folder / f"{kind}.json", BAD[kind]
    if content is None:
        bad.mkdir()
    else:
        bad.write_bytes(content)
    done = bench("history", ".benchmarks")
    assert done.returncode == 0, done.stderr
    assert "3 sessions" in done.stdout
    path = Path(".benchmarks") / bad.name
    reason = BAD_REASONS[kind]
    assert done.stderr == f"bench: ignored: {path}: not a pytest-benchmark file: {reason}\n"


def test_bad_files_are_reported_even_with_names_that_are_not_utf8(
    folder: Path, bench: Done
) -> None:
    (folder / os.fsdecode(b"\xff.json")).write_bytes(b"")
    (folder / "gone.json").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.json")  # which would be waited for
    done = bench("history")
    assert done.returncode == 0
    named = [line.split(": ")[2] for line in done.stderr.splitlines()]
    assert sorted(named) == [
        r".benchmarks/\udcff.json", ".benchmarks/gone.json", ".benchmarks/pipe.json",
    ]  # fmt: skip


@pytest.mark.parametrize("median", [0.0, -1.0, float("nan"), float("inf")])
def test_an_invalid_median_is_reported_and_the_rest_of_its_file_is_read(
    folder: Path, bench: Done, median: float
) -> None:
    path = stored(folder, 3, {"a": 1.0, "b": 2.0})
    with_stats(path, median=median)
    done = bench("history")
    assert done.returncode == 0, done.stderr
    assert "4 sessions" in done.stdout
    assert f"{path.relative_to(folder.parent)}: tests/b.py::test_a: stats.median: " in done.stderr
    followed = {
        trend.name: len(trend.sessions) for trend in find_trends(read_sessions(folder).sessions)
    }
    assert followed == {"a": 3, "b": 4}


def test_a_fastest_round_of_zero_leaves_the_median_as_it_is(folder: Path) -> None:
    with_stats(stored(folder, 3, {"a": 1.0}), min=0.0)
    assert read_sessions(folder).problems == ()


def test_without_any_valid_file_all_are_listed(tmp_path: Path, bench: Done) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_bytes(b"")
    with pytest.raises(StoreError, match=r"one.json: .*\n.*two.json: "):
        read_sessions(tmp_path)
    assert bench("history", ".").returncode == 2


def test_a_gate_fails_a_benchmark_whose_timer_stands_still(tmp_path: Path, run_bench: Done) -> None:
    toy = repository(tmp_path / "toy", {"step": 0.1, "nothing": 0.0})
    costs(toy, {"step": 0.1, "nothing": 0.0})
    done = run_bench(toy, "gate", "--base", "HEAD", "--pairs", 1, "--json", **QUICK)
    assert done.returncode == 1, done.stderr
    rows = {row["benchmark"].rpartition("[")[2]: row for row in json.loads(done.stdout)}
    assert rows["step]"]["n"] == 1
    assert rows["nothing]"]["verdict"] == "FAILED"
    assert rows["nothing]"]["why"].startswith(("its time is 0 s", "stats.median"))
