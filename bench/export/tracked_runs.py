"""A study as experiment trackers know it: runs with parameters, and metrics that have steps."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

from bench.analysis.configurations import cell_labels, config_fields
from bench.analysis.results import Results
from bench.analysis.summary_columns import SUMMARY_COLUMNS
from bench.cell_names import SEPARATOR, is_blank
from bench.records import TrialRow
from bench.store import Store

CURVES = ("train_loss", "test_loss", "test_accuracy")
FINAL = tuple(f.name for f in fields(TrialRow) if f.metadata["unit"])
TAGS = ("study", "cell_id", "trial_id", "status", "reason", "machine", "node")

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Point:
    """A metric's value at a step, which is an epoch, and when that was after the run's start."""

    metric: str
    value: float
    step: int = 0
    after_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """What a tracker is told of one run; where its start is not known, that is None."""

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: Sequence[Point]
    started_at: datetime | None = None
    wall_s: float = 0.0

    def digest(self) -> str:
        """Tell the run from every other one; equal for equal outcomes, whenever they are read."""
        values = [(point.metric, point.value, point.step) for point in self.points]
        told = json.dumps([dict(self.tags), dict(self.params), values], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class TrackedCell(TrackedRun):
    """A cell's estimates with their intervals, and the trials that belong to it."""

    trials: Sequence[TrackedRun]


def tracked_cells(results: Path, tables: Results) -> Iterator[TrackedCell]:
    """Give every cell with its trials, in the order of the summary.

    Starts are read from the outcomes; tables alone, without them, do not hold any.
    """
    started = {run: outcome.started_at for run, outcome in Store(results).load().items()}
    labels = cell_labels(tables.summary)
    config = config_fields(tables.summary)
    trials, epochs = _by(tables.trials, "cell_id"), _by(tables.epochs, "trial_id")
    for cell in tables.summary.to_dict("records"):
        params = _params(cell, config)
        name = labels[cell["cell_id"]]
        own = [
            _trial(f"{name}{SEPARATOR}seed {row['seed']}", row, params, epochs, started)
            for row in trials.get(cell["cell_id"], [])
        ]
        yield _cell(name, cell, params, own)


def _trial(
    name: str,
    row: Row,
    params: Mapping[str, str],
    epochs: Mapping[str, Sequence[Row]],
    started: Mapping[str, str],
) -> TrackedRun:
    wall_s = 0.0 if is_blank(row["wall_s"]) else float(row["wall_s"])
    curves = list(_curves(epochs.get(row["trial_id"], [])))
    last = 0 if is_blank(row["epochs_done"]) else int(row["epochs_done"])
    known = {(point.metric, point.step) for point in curves}
    final = [
        point for point in _points(row, FINAL, last, wall_s) if (point.metric, last) not in known
    ]
    begun = started.get(row["trial_id"])
    return TrackedRun(
        name=name,
        tags=_tags("trial", row),
        params={**params, "seed": str(row["seed"])},
        points=[*curves, *final],
        started_at=datetime.fromisoformat(begun) if begun else None,
        wall_s=wall_s,
    )


def _cell(
    name: str, cell: Row, params: Mapping[str, str], trials: Sequence[TrackedRun]
) -> TrackedCell:
    """Tell a cell's estimates; it took as long as its trials, from the first to the last."""
    starts = [trial.started_at for trial in trials if trial.started_at is not None]
    begun = min(starts, default=None)
    ends = [
        (trial.started_at - begun).total_seconds() + trial.wall_s
        for trial in trials
        if trial.started_at is not None and begun is not None
    ]
    measured = [name for name in SUMMARY_COLUMNS if not (name.endswith("_n") and cell[name] == 0)]
    machine = (
        {"machine": trials[0].tags["machine"]} if trials and "machine" in trials[0].tags else {}
    )
    return TrackedCell(
        name=name,
        tags={**_tags("cell", cell), **machine},
        params=params,
        points=list(_points(cell, measured)),
        started_at=begun,
        wall_s=max(ends, default=0.0),
        trials=trials,
    )


def _curves(rows: Sequence[Row]) -> Iterator[Point]:
    took = ((0.0 if is_blank(row["train_s"]) else row["train_s"]) + row["eval_s"] for row in rows)
    for row, after_s in zip(rows, accumulate(took), strict=True):
        yield from _points(row, CURVES, int(row["epoch"]), after_s)


def _points(
    row: Row, columns: Sequence[str], step: int = 0, after_s: float = 0.0
) -> Iterator[Point]:
    """Give what is a finite number: a missed target is infinite, which databases cannot hold."""
    for name in columns:
        value = row[name]
        if not is_blank(value) and not isinstance(value, str) and math.isfinite(value):
            yield Point(name, float(value), step, after_s)


def _params(cell: Row, config: Sequence[str]) -> dict[str, str]:
    return {name: str(cell[name]) for name in config if not is_blank(cell[name])}


def _tags(kind: str, row: Row) -> dict[str, str]:
    known = {name: row[name] for name in TAGS if name in row}
    return {"kind": kind, **{k: str(value) for k, value in known.items() if not is_blank(value)}}


def _by(table: Any, key: str) -> dict[str, list[Row]]:
    """Group a table's rows by a column."""
    groups = table.groupby(key, sort=False)
    return {str(name): group.to_dict("records") for name, group in groups}
