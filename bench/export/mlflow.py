"""Export to MLflow: a run per cell with its estimates, and a nested run per trial with its curves.

https://mlflow.org/docs/latest/ml/tracking. Runs that were exported before are recognised by a
digest of their content, so that repeated exports create no duplicates. A run's end is written
last: a run that is still running was interrupted and is exported again.
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.analysis.configurations import SUMMARY_DTYPES, config_fields, name_cells
from bench.analysis.results import Results, read_results
from bench.cell_names import SEPARATOR, is_blank
from bench.errors import BenchError
from bench.export.exported import Exported, require
from bench.formatting import plural
from bench.records import TrialRow
from bench.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DIGEST = "outcome_digest"
PARENT = "mlflow.parentRunId"
STATUSES: Mapping[str, str] = {"ok": "FINISHED", "skipped": "KILLED"}
AT_ONCE = 1000  # MLflow's limit of metrics in one request

METRIC = "metrics/"  # before the names of a study's metrics
CURVES = ("train_loss", "test_loss", "test_accuracy")
FINAL = tuple(f.name for f in fields(TrialRow) if f.metadata["unit"])
TAGS = ("study", "cell_id", "trial_id", "status", "reason", "machine", "node")

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Point:
    """A metric's value at a step (epoch), `after_s` seconds after the start of the run."""

    metric: str
    value: float
    step: int = 0
    after_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """A run as MLflow stores it: a trial, or a cell with its estimates and trials.

    `started_at` is None if unknown.
    """

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: Sequence[Point]
    started_at: datetime | None = None
    wall_s: float = 0.0
    trials: Sequence["TrackedRun"] = ()

    def digest(self) -> str:
        """Return a digest that is equal for equal outcomes."""
        values = [(point.metric, point.value, point.step) for point in self.points]
        content = json.dumps([dict(self.tags), dict(self.params), values], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def to_mlflow(results: Path, out: str | None) -> Exported:
    """Export a study to the experiment of its name; `out` is a tracking URI, by default MLflow's.

    Raises BenchError if MLflow is missing or fails, StoreError if there is no results folder.
    """
    for package in ("mlflow", "sqlalchemy"):
        require(package, extra="mlflow")
    tables = read_results(results)
    if tables.trials.empty:
        raise BenchError("no trials to export", where=str(results), hint="Run the study first.")
    with _client(out) as client:
        experiment = _Experiment(client, str(tables.trials["study"].iloc[0]))
        for cell in _tracked_cells(results, tables):
            parent = experiment.export(cell)
            for trial in cell.trials:
                experiment.export(trial, parent)
        where = _without_password(client.tracking_uri)
        new = plural(experiment.new, "new run")
        return Exported(f"{new}, {experiment.known} exported before", where)


class _Experiment:
    """An MLflow experiment, and how many of its runs are new."""

    def __init__(self, client: "MlflowClient", name: str) -> None:
        found = client.get_experiment_by_name(name)
        self._id = client.create_experiment(name) if found is None else found.experiment_id
        self._client = client
        self._runs = dict(self._exported_runs())
        self.new = self.known = 0

    def export(self, run: TrackedRun, parent: str | None = None) -> str:
        """Export a run, unless it exists already, as a child of `parent`; return its MLflow id."""
        found = self._runs.get(run.digest())
        if found is not None and found.info.status != "RUNNING":
            if parent is not None and found.data.tags.get(PARENT) != parent:
                self._client.set_tag(found.info.run_id, PARENT, parent)
            self.known += 1
        else:
            found = found or self._create(run, parent)
            self._log(found, run)
            self.new += 1
        return str(found.info.run_id)

    def _create(self, run: TrackedRun, parent: str | None) -> "Run":
        start_ms = None if run.started_at is None else int(1000 * run.started_at.timestamp())
        tags = {**run.tags, DIGEST: run.digest()} | ({} if parent is None else {PARENT: parent})
        return self._client.create_run(self._id, start_ms, tags, run.name)

    def _log(self, found: "Run", run: TrackedRun) -> None:
        from mlflow.entities import Metric, Param

        start_ms, run_id = found.info.start_time, found.info.run_id
        metrics = [
            Metric(point.metric, point.value, start_ms + int(1000 * point.after_s), point.step)
            for point in run.points
        ]
        self._client.log_batch(run_id, params=[Param(*item) for item in run.params.items()])
        for i in range(0, len(metrics), AT_ONCE):
            self._client.log_batch(run_id, metrics=metrics[i : i + AT_ONCE])
        status = STATUSES.get(run.tags["status"], "FAILED")
        self._client.set_terminated(run_id, status, start_ms + int(1000 * run.wall_s))

    def _exported_runs(self) -> "Iterator[tuple[str, Run]]":
        """Yield digest and run for every run that was exported to the experiment."""
        token = None
        while token != "":
            page = self._client.search_runs([self._id], page_token=token)
            yield from ((r.data.tags[DIGEST], r) for r in page if DIGEST in r.data.tags)
            token = page.token or ""


@contextmanager
def _client(uri: str | None) -> "Iterator[MlflowClient]":
    """Enter a client of a tracking store; convert MLflow's errors to BenchError."""
    # MLflow retries an unreachable server for minutes; only the environment can limit that.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield MlflowClient(uri)
    except (MlflowException, SQLAlchemyError, ImportError) as error:  # a driver may be missing
        raise BenchError(
            _without_password(f"MLflow: {error}"),
            where=_without_password(uri or ""),
            hint="Set another tracking URI with --out, such as sqlite:///mlflow.db.",
        ) from None


def _without_password(text: str) -> str:
    """Remove user names and passwords from all URIs in a text."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def _tracked_cells(results: Path, tables: Results) -> Iterator[TrackedRun]:
    """Yield every cell with its trials, in the order of the summary.

    Start times come from the outcomes, since the tables have none.
    """
    started = {run: outcome.started_at for run, outcome in Store(results).load().items()}
    labels = name_cells(tables.summary)
    config = config_fields(tables.summary)
    trials, epochs = _by(tables.trials, "cell_id"), _by(_with_metrics(tables), "trial_id")
    for cell in tables.summary.to_dict("records"):
        params = {field: str(cell[field]) for field in config if not is_blank(cell[field])}
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
    known = {point.metric for point in curves if point.step == last}
    final = _points(row, [name for name in FINAL if name not in known], last, wall_s)
    started_at = started.get(row["trial_id"])
    return TrackedRun(
        name=name,
        tags=_tags("trial", row),
        params={**params, "seed": str(row["seed"])},
        points=[*curves, *final],
        started_at=datetime.fromisoformat(started_at) if started_at else None,
        wall_s=wall_s,
    )


def _cell(
    name: str, cell: Row, params: Mapping[str, str], trials: Sequence[TrackedRun]
) -> TrackedRun:
    """Return a cell with its estimates; its duration spans those of all trials."""
    spans = [(t.started_at, t.wall_s) for t in trials if t.started_at is not None]
    first = min((start for start, _ in spans), default=None)
    ends = [(start - first).total_seconds() + wall_s for start, wall_s in spans if first]
    measured = [name for name in SUMMARY_DTYPES if not (name.endswith("_n") and cell[name] == 0)]
    machine = {k: v for k, v in (trials[0].tags if trials else {}).items() if k == "machine"}
    return TrackedRun(
        name=name,
        tags={**_tags("cell", cell), **machine},
        params=params,
        points=list(_points(cell, measured)),
        started_at=first,
        wall_s=max(ends, default=0.0),
        trials=trials,
    )


def _with_metrics(tables: Results) -> pd.DataFrame:
    """Return epochs.csv with a column for each metric, under a name that MLflow takes."""
    if tables.metrics.empty:
        return tables.epochs
    values = tables.metrics.assign(metric=tables.metrics["metric"].map(_metric_name))
    wide = values.pivot(index=["trial_id", "epoch"], columns="metric", values="value")
    return tables.epochs.join(wide, on=["trial_id", "epoch"])


def _metric_name(label: str) -> str:
    return METRIC + re.sub(r"[^\w. /-]", "_", label)


def _curves(rows: Sequence[Row]) -> Iterator[Point]:
    after_s = 0.0
    for row in rows:
        after_s += (0.0 if is_blank(row["train_s"]) else row["train_s"]) + row["eval_s"]
        names = [*CURVES, *(name for name in row if str(name).startswith(METRIC))]
        yield from _points(row, names, int(row["epoch"]), after_s)


def _points(
    row: Row, columns: Sequence[str], step: int = 0, after_s: float = 0.0
) -> Iterator[Point]:
    """Yield finite values: a missed target is infinite, which databases cannot store."""
    for name in columns:
        value = row[name]
        if not is_blank(value) and not isinstance(value, str) and math.isfinite(value):
            yield Point(name, float(value), step, after_s)


def _tags(kind: str, row: Row) -> dict[str, str]:
    return {"kind": kind} | {tag: str(row[tag]) for tag in TAGS if not is_blank(row.get(tag))}


def _by(table: Any, key: str) -> dict[str, list[Row]]:
    return {str(name): rows.to_dict("records") for name, rows in table.groupby(key, sort=False)}
