"""Metrics are computed of the whole test set after each epoch, and change nothing else."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.data.images import GREY_DIGITS, DataShape
from bench.execute import EXECUTORS
from bench.execute.executor import RunContext
from bench.records import Outcome
from bench.study.choice import MetricChoice
from bench.study.runs import Run

Runs = Callable[..., list[Run]]

OWN = "own_components"
QUICK = {"model": {"name": "mlp", "hidden": 16}, "epochs": 2}


def outcome_of(runs_of: Runs, folder: Path, cell: dict[str, Any] = QUICK, **study: Any) -> Outcome:
    runs = runs_of(cell, **study)
    (outcome,) = EXECUTORS["inline"]().execute(runs, RunContext(folder), lambda event: None)
    return outcome


def values(outcome: Outcome, metric: str) -> list[float | None]:
    return [row.value for row in outcome.metrics if row.metric == metric]


def test_each_metric_has_a_row_an_epoch(digits_dir: Path, runs_of: Runs) -> None:
    metrics = ["macro_f1", {"import": f"{OWN}:kappa"}, {"import": f"{OWN}:Scaled", "factor": 3}]
    outcome = outcome_of(runs_of, digits_dir, metrics=metrics)
    assert [(row.epoch, row.metric) for row in outcome.metrics] == [
        (epoch, name) for epoch in (1, 2) for name in ("macro_f1", "kappa", "Scaled(factor=3.0)")
    ]
    accuracies = [epoch.test_accuracy for epoch in outcome.epochs]
    assert values(outcome, "Scaled(factor=3.0)") == pytest.approx([3 * a for a in accuracies])
    for name, off in (("macro_f1", 0.05), ("kappa", 0.12)):  # classes are about equally large
        assert values(outcome, name) == pytest.approx(accuracies, abs=off)


def test_a_network_that_is_not_trained_is_measured_once(digits_dir: Path, runs_of: Runs) -> None:
    outcome = outcome_of(runs_of, digits_dir, QUICK | {"epochs": 0}, metrics=["top_5"])
    assert [(row.epoch, row.metric) for row in outcome.metrics] == [(0, "top_5")]


def test_training_goes_on_as_without_metrics(digits_dir: Path, runs_of: Runs) -> None:
    cell = QUICK | {"model": {"name": "mlp", "hidden": 16, "dropout": 0.5}}
    plain, measured = (
        outcome_of(runs_of, digits_dir, cell, metrics=metrics)
        for metrics in ([], [{"import": f"{OWN}:drawing"}])
    )
    assert [e.train_loss for e in plain.epochs] == [e.train_loss for e in measured.epochs]
    assert plain.metrics == ()


def test_a_target_of_a_metric_is_reached_at_its_first_evaluation_there(
    digits_dir: Path, runs_of: Runs
) -> None:
    found = outcome_of(runs_of, digits_dir, target={"metric": "macro_f1", "at_least": 0.0001})
    assert found.trial is not None
    assert found.trial.time_to_target_s == found.epochs[0].elapsed_train_s
    first, second = values(found, "macro_f1")
    assert first is not None and second is not None and second > first
    later = outcome_of(runs_of, digits_dir, target={"metric": "macro_f1", "at_least": second})
    missed = outcome_of(runs_of, digits_dir, target={"metric": "macro_f1", "at_least": 1.5})
    assert later.trial is not None and missed.trial is not None
    assert later.trial.time_to_target_s == later.epochs[1].elapsed_train_s
    assert (missed.trial.time_to_target_s, missed.trial.steps_to_target) == (math.inf, math.inf)


def test_a_value_that_is_not_finite_is_blank(digits_dir: Path, runs_of: Runs) -> None:
    outcome = outcome_of(runs_of, digits_dir, metrics=[{"import": f"{OWN}:not_finite"}])
    assert outcome.status == "ok"
    assert values(outcome, "not_finite") == [None, None]


@pytest.mark.parametrize(
    ("metric", "shape", "problem"),
    [
        ({"import": f"{OWN}:kappa"}, GREY_DIGITS, None),
        ({"import": f"{OWN}:no_number"}, GREY_DIGITS, "expected no_number to return a number"),
        (
            {"import": f"{OWN}:fails"},
            GREY_DIGITS,
            "RuntimeError: no metric today (own_components.py",
        ),
        ("top_5", DataShape(3, 8, 8, 4), "needs more than five classes, these data have 4"),
    ],
    ids=str,
)
def test_a_metric_is_tried_before_the_first_run(
    runs_of: Runs, metric: Any, shape: DataShape, problem: str | None
) -> None:
    (run,) = runs_of({"model": {"name": "mlp", "hidden": 16}})
    choice = MetricChoice.model_validate(metric)
    cell = run.cell.model_copy(update={"model": run.cell.model.for_data(shape)})
    found = EXECUTORS["inline"]().check([cell], {"digits": shape}, [choice])
    if problem is None:
        assert found == []
    else:
        assert len(found) == 1
        assert found[0].startswith(f"metric {choice.name}: ")
        assert problem in found[0]
