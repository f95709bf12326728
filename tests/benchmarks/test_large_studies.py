"""Benchmarks of what a study of a thousand runs costs besides its runs, and of start-up."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analysis.derived_tables import write_derived_tables
from bench.analysis.results import make_results
from bench.planning import Request, plan_study
from bench.records import EpochRow, Outcome, TrialRow
from bench.reporting.render import render
from bench.store import Store

STUDY = """
name: large
base: {dataset: digits, epochs: 1, device: cpu}
axes:
  batch_size: [16, 32, 64, 128, 256]
  optimizer: [adam, adamw, sgd, rmsprop, adagrad]
seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
        20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39]
timing: off
"""
TRIALS = 25 * 40


@pytest.fixture
def request_for(tmp_path: Path, digits_dir: Path) -> Request:
    study = tmp_path / "large.yaml"
    study.write_text(STUDY, encoding="utf-8")
    return Request(study, results=tmp_path / "results", data_dir=digits_dir, offline=True)


@pytest.fixture
def outcomes(request_for: Request) -> list[Outcome]:
    """Return a synthetic outcome of every trial."""
    runs = [planned.run for planned in plan_study(request_for).runs if planned.run.kind == "trial"]
    outcomes = []
    for i, run in enumerate(runs):
        accuracy = 0.9 + 0.0001 * (i * 7919 % 100)
        row = EpochRow(
            trial_id=run.run_id, seed=run.seed, epoch=1, train_loss=0.5, test_loss=0.4,
            test_accuracy=accuracy, train_s=1.5, eval_s=0.2, images_per_s=4e4, elapsed_train_s=1.5,
        )  # fmt: skip
        trial = TrialRow(
            trial_id=run.run_id, seed=run.seed, status="ok", epochs_done=1,
            test_accuracy=accuracy, test_loss=0.4, best_test_accuracy=accuracy, train_s=1.5,
            eval_s=0.2, wall_s=2.0, images_per_s=4e4 + i, parameters=10,
        )  # fmt: skip
        outcomes.append(replace(run.ended("ok", None, 2.0), trial=trial, epochs=(row,)))
    return outcomes


def test_plan(request_for: Request, measured: Callable[..., Any]) -> None:
    plan = measured(lambda: plan_study(request_for), rounds=5, warmup=1)
    assert sum(planned.run.kind == "trial" for planned in plan.runs) == TRIALS


def test_store_an_outcome(
    outcomes: list[Outcome], tmp_path: Path, measured: Callable[..., Any]
) -> None:
    store = Store(tmp_path / "results/large")
    store.write_tables(outcomes[:1])

    def keep() -> None:
        store.save(outcomes[0])
        store.append(outcomes[0], outcomes)

    measured(keep, rounds=50, warmup=2)
    assert len(store.load()) == 1


def test_read_outcomes(
    outcomes: list[Outcome], tmp_path: Path, measured: Callable[..., Any]
) -> None:
    store = Store(tmp_path / "results/large")
    for outcome in outcomes:
        store.save(outcome)
    assert len(measured(store.load, rounds=5, warmup=1)) == TRIALS


def test_look_up_outcomes(
    outcomes: list[Outcome], tmp_path: Path, measured: Callable[..., Any]
) -> None:
    store = Store(tmp_path / "results/large")
    with store.locked():
        for outcome in outcomes:
            store.save(outcome)
    assert len(measured(store.summaries, rounds=5, warmup=1)) == TRIALS


def test_tables(outcomes: list[Outcome], tmp_path: Path, measured: Callable[..., Any]) -> None:
    store = Store(tmp_path / "results/large")

    def tables() -> Any:
        store.write_tables(outcomes)
        results = make_results(outcomes, store.folder)
        write_derived_tables(results, store.folder)
        return results

    assert len(measured(tables, rounds=5, warmup=1).summary) == 25


def test_report(outcomes: list[Outcome], tmp_path: Path, measured: Callable[..., Any]) -> None:
    store = Store(tmp_path / "results/large")
    store.write_tables(outcomes)
    report = measured(lambda: render(store.folder, tmp_path / "report"), rounds=3)
    assert "adagrad" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["--help", "list models"])
def test_start_up(command: str, measured: Callable[..., Any]) -> None:
    arguments = [sys.executable, "-m", "bench", *command.split()]
    done = measured(lambda: subprocess.run(arguments, capture_output=True, check=True), rounds=10)
    assert done.stdout
