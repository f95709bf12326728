"""A history finds the commit at which a benchmark stepped, and keeps machines apart."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from stored_runs import MACHINE, commit, stored

from bench.errors import StoreError
from bench.regress.history import find_trends, write_history
from bench.regress.stored_benchmarks import read_sessions

OTHER = {"fingerprint": {**MACHINE["fingerprint"], "software": "torch=3"}}


def test_the_commit_that_stepped_is_found_and_no_other(storage: Path) -> None:
    steps = {trend.benchmark: trend.steps for trend in find_trends(read_sessions(storage).sessions)}
    assert [name for name, its in steps.items() if its] == ["tests/b.py::test_step[convnet]"]
    (step,) = steps["tests/b.py::test_step[convnet]"]
    assert abs(step.at - 18) <= 2
    assert (step.after, step.by) == (commit(step.at - 1), commit(step.at))
    assert step.ratio.low is not None and step.ratio.high is not None
    assert step.ratio.low < 1.1 < step.ratio.high


def test_sessions_are_in_the_order_of_their_commits(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        stored(tmp_path, number, {"a": 1.0 + number})
    (trend,) = find_trends(read_sessions(tmp_path).sessions)
    assert [m.median_s for m in trend.measured] == [2.0, 3.0, 4.0]


def test_commits_of_other_time_zones_are_in_order(tmp_path: Path) -> None:
    for number, when in enumerate(("2026-01-01T12:00:00+02:00", "2026-01-01T11:00:00+00:00")):
        path = stored(tmp_path, number, {"a": 1.0 + number})
        document = json.loads(path.read_text(encoding="utf-8"))
        document["commit_info"]["time"] = when
        path.write_text(json.dumps(document), encoding="utf-8")
    (trend,) = find_trends(read_sessions(tmp_path).sessions)
    assert [m.median_s for m in trend.measured] == [1.0, 2.0]


def test_machines_are_never_joined(tmp_path: Path) -> None:
    for number in range(20):
        old = number < 10
        stored(tmp_path, number, {"a": 1.0 if old else 2.0}, machine=MACHINE if old else OTHER)
    one, other = find_trends(read_sessions(tmp_path).sessions)
    assert {len(one.sessions), len(other.sessions)} == {10}
    assert one.fingerprint != other.fingerprint
    assert one.steps == other.steps == ()


def test_sessions_with_uncommitted_changes_are_left_out(tmp_path: Path) -> None:
    for number in range(4):
        stored(tmp_path, number, {"a": 1.0}, dirty=number == 2)
    (trend,) = find_trends(read_sessions(tmp_path).sessions)
    assert [session.commit for session in trend.sessions] == [commit(n) for n in (0, 1, 3)]


def test_a_change_below_two_percent_is_no_step(tmp_path: Path) -> None:
    for number in range(40):
        stored(tmp_path, number, {"a": 1.0 if number < 20 else 1.01})
    (trend,) = find_trends(read_sessions(tmp_path).sessions)
    assert trend.steps == ()


def test_the_report_lists_steps_and_every_benchmark(storage: Path, tmp_path: Path) -> None:
    page = write_history(find_trends(read_sessions(storage).sessions), 2, tmp_path / "history")
    text = page.read_text(encoding="utf-8")
    assert "- **step\\[convnet\\]**: 1.1" in text
    assert "Left out: 2 sessions with uncommitted changes." in text
    assert text.count("| 30 |") == 3
    assert (page.parent / "figures/machine1_1.png").stat().st_size > 10_000
    table = pd.read_csv(page.parent / "history.csv")
    assert len(table) == 3 * 30
    assert (table.low_s < table.median_s).all() and (table.median_s < table.high_s).all()


def test_a_report_without_steps_says_so(tmp_path: Path) -> None:
    for number in range(3):
        stored(tmp_path / "in", number, {"a": 1.0})
    page = write_history(find_trends(read_sessions(tmp_path / "in").sessions), 0, tmp_path / "out")
    assert "No steps." in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"benchmarks": 3}', "\x00", "[" * 100_000])
def test_an_invalid_file_is_an_error_with_its_path(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    with pytest.raises(StoreError, match=r"x.json: not a pytest-benchmark file: "):
        read_sessions(tmp_path)


def test_the_command_line_shows_the_step(bench: Callable, storage: Path, tmp_path: Path) -> None:
    done = bench("history", storage)
    assert done.returncode == 0, done.stderr
    assert "step[convnet]" in done.stdout
    assert "times as long" in done.stdout
    assert "30 sessions" in done.stdout
    assert (tmp_path / "reports/history/report.md").is_file()


def test_one_benchmark_on_two_machines_has_two_names(bench: Callable, tmp_path: Path) -> None:
    for number in range(4):
        stored(tmp_path / ".benchmarks", number, {"a": 1.0}, machine=(MACHINE, OTHER)[number % 2])
    done = bench("history")
    assert "a (machine 1)" in done.stdout
    assert "a (machine 2)" in done.stdout
    report = (tmp_path / "reports/history/report.md").read_text(encoding="utf-8")
    assert report.index("## Machine 1: ") < report.index("## Machine 2: ")


def test_an_empty_storage_is_an_error(bench: Callable) -> None:
    done = bench("history")
    assert done.returncode == 2
    assert "no stored benchmark results" in done.stderr
    assert "--benchmark-autosave" in done.stderr
