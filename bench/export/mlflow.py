"""MLflow: a run a cell with its estimates, and nested in it a run a trial with its curves.

https://mlflow.org/docs/latest/ml/tracking. What was exported before is known again by a digest of
its contents and left alone, so that an experiment holds every outcome once, however often a study
goes on and is exported. A run's end is written last: one that is still running was interrupted.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.analysis.results import read_results
from bench.errors import BenchError
from bench.export.exported import Exported, require
from bench.export.tracked_runs import TrackedRun, tracked_cells

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DIGEST = "outcome_digest"
PARENT = "mlflow.parentRunId"
STATUSES: Mapping[str, str] = {"ok": "FINISHED", "skipped": "KILLED"}
AT_ONCE = 1000  # metrics, as many as MLflow takes in one request


def to_mlflow(results: Path, out: str | None) -> Exported:
    """Log a study to the experiment of its name; `out` is a tracking URI, MLflow's own by default.

    Raises BenchError where MLflow is missing or refuses, StoreError for what is no results folder.
    """
    for package in ("mlflow", "sqlalchemy"):
        require(package, extra="mlflow")
    tables = read_results(results)
    if tables.trials.empty:
        raise BenchError("holds no trial", where=str(results), hint="Run the study first.")
    with _client(out) as client:
        experiment = _Experiment(client, str(tables.trials["study"].iloc[0]))
        for cell in tracked_cells(results, tables):
            parent = experiment.keep(cell)
            for trial in cell.trials:
                experiment.keep(trial, parent)
        where = _without_password(client.tracking_uri)
        told = f"{experiment.new} new run{'s' * (experiment.new != 1)}"
        return Exported(f"{told}, {experiment.known} there already", where)


class _Experiment:
    """An MLflow experiment, and how many runs it was given."""

    def __init__(self, client: "MlflowClient", name: str) -> None:
        found = client.get_experiment_by_name(name)
        self._id = client.create_experiment(name) if found is None else found.experiment_id
        self._client = client
        self._runs = dict(self._exported())
        self.new = self.known = 0

    def keep(self, run: TrackedRun, parent: str | None = None) -> str:
        """Log a run unless it is there, below its parent; returns MLflow's id of it."""
        found = self._runs.get(run.digest())
        if found is not None and found.info.status != "RUNNING":
            if parent is not None and found.data.tags.get(PARENT) != parent:
                self._client.set_tag(found.info.run_id, PARENT, parent)
            self.known += 1
        else:
            found = found or self._begun(run, parent)
            self._log(found, run)
            self.new += 1
        return str(found.info.run_id)

    def _begun(self, run: TrackedRun, parent: str | None) -> "Run":
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

    def _exported(self) -> "Iterator[tuple[str, Run]]":
        """List the runs of the experiment that an export made, by their digest."""
        token = None
        while token != "":
            page = self._client.search_runs([self._id], page_token=token)
            yield from ((r.data.tags[DIGEST], r) for r in page if DIGEST in r.data.tags)
            token = page.token or ""


@contextmanager
def _client(uri: str | None) -> "Iterator[MlflowClient]":
    """Give a client of a tracking store; what MLflow raises is a BenchError."""
    # A server that is not there would be asked for minutes, and only the environment can say less.
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
            hint="Another tracking URI can be named with --out, such as sqlite:///mlflow.db.",
        ) from None


def _without_password(text: str) -> str:
    """Take what stands before the host out of every URI, which a log may show to anyone."""
    return re.sub(r"//[^/@\s]*@", "//", text)
