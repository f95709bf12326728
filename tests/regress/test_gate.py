"""`bench gate` on a repository where the time of each benchmark is known."""

import csv
import json
from collections.abc import Callable
from typing import Any

import pytest
from toy_repository import QUICK, costs, git, repository

from bench.stats.verdicts import LEAST_FLOOR

Row = dict[str, Any]


def id_of(row: Row) -> str:
    return str(row["benchmark"]).rpartition("[")[2][:-1]


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory, run_bench: Callable[..., Any]) -> Row:
    """One gate with every kind of verdict; head is a working tree with changes."""
    folder = repository(
        tmp_path_factory.mktemp("toy"),
        {"same": 0.1, "slower": 0.1, "faster": 0.1, "gone": 0.1, "broken": 0.1, "careless": 0.1},
        ACCURACY={"same": 0.97, "careless": 0.97},
    )
    costs(
        folder,
        {"same": 0.1, "slower": 0.12, "faster": 0.08, "broken": None, "careless": 0.07, "new": 1.0},
        ACCURACY={"same": 0.97, "careless": 0.95},
    )
    (folder / "notes.txt").write_text("not committed", encoding="utf-8")
    options = ("--base", "main", "--accuracy", "--out", "kept", "--pairs", 6)
    done = run_bench(folder, "gate", *options, **QUICK)
    kept = folder / "kept"
    rows = json.loads((kept / "verdicts.json").read_text(encoding="utf-8"))
    return {
        "folder": folder,
        "done": done,
        "verdicts": {
            (row["benchmark"].rpartition("[")[2][:-1], row["measure"]): row for row in rows
        },
        "summary": (kept / "summary.md").read_text(encoding="utf-8"),
        "pairs": list(csv.DictReader((kept / "pairs.csv").open(encoding="utf-8"))),
    }


def test_every_benchmark_gets_its_verdict(gated: Row) -> None:
    verdicts = {key: row["verdict"] for key, row in gated["verdicts"].items()}
    assert verdicts == {
        ("slower", "time"): "REGRESSED",
        ("careless", "test_accuracy"): "REGRESSED",
        ("broken", "time"): "FAILED",
        ("gone", "time"): "MISSING",
        ("faster", "time"): "IMPROVED",
        ("careless", "time"): "IMPROVED",
        ("same", "time"): "EQUIVALENT",
        ("same", "test_accuracy"): "EQUIVALENT",
        ("new", "time"): "NEW",
    }
    assert gated["done"].returncode == 1


def test_ratios_are_head_over_base_with_interval_floor_and_detectable_effect(gated: Row) -> None:
    row = gated["verdicts"]["slower", "time"]
    assert 1.17 < row["low"] <= row["ratio"] <= row["high"] < 1.23
    assert row["n"] == 6
    assert LEAST_FLOOR <= row["floor"] <= row["mde"] < 0.1


def test_a_regression_is_measured_again_in_fresh_processes(gated: Row) -> None:
    row = gated["verdicts"]["slower", "time"]
    assert 1.17 < row["again_low"] <= row["again_ratio"] <= row["again_high"] < 1.23
    pairs = {int(p["pair"]) for p in gated["pairs"] if p["benchmark"].endswith("[slower]")}
    assert pairs == set(range(1, 13))
    others = {int(p["pair"]) for p in gated["pairs"] if p["benchmark"].endswith("[same]")}
    assert others == set(range(1, 7))


def test_a_faster_but_less_accurate_benchmark_is_reported(gated: Row) -> None:
    trade_off = "it[careless] is faster, but less accurate"
    assert trade_off in gated["done"].stdout
    assert trade_off.replace("[", r"\[").replace("]", r"\]") in gated["summary"]


def test_a_failure_is_reported_with_its_reason(gated: Row) -> None:
    assert "broken does not work" in gated["verdicts"]["broken", "time"]["why"]


def test_uncommitted_changes_are_measured_and_reported(gated: Row) -> None:
    assert "the working tree (" in gated["done"].stdout
    assert "with uncommitted changes (2 files)" in gated["done"].stdout


def test_the_summary_starts_with_the_counts_of_verdicts(gated: Row) -> None:
    first = gated["summary"].splitlines()[0]
    assert first == (
        "### bench gate: 1 slower, 1 worse, 1 failed, 1 missing, 2 faster, 2 equivalent, 1 new"
    )


def test_the_worktrees_are_removed(gated: Row) -> None:
    assert len(git(gated["folder"], "worktree", "list").splitlines()) == 1
    assert git(gated["folder"], "status", "--porcelain") == " M costs.py\n?? kept/\n?? notes.txt\n"
