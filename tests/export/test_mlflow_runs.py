"""`bench export --to mlflow`: read back through MLflow itself."""

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from made_up_study import NO_CUDA, write

Experiment = Callable[[], tuple[Any, list[Any]]]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an MLflow database once, which takes seconds."""
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    path = tmp_path_factory.mktemp("mlflow") / "runs.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    copied = shutil.copy(empty_store, tmp_path)
    return f"sqlite:///{copied}"  # in full: MLflow keeps its stores by URI


@pytest.fixture
def export(
    bench: Callable, results: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], str]:
    """Export the folder to a database; gives what the command message."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")

    def run() -> str:
        done = bench("export", results, "--to", "mlflow", "--out", uri)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    return run


@pytest.fixture
def tracked(uri: str) -> Experiment:
    """Give a client of that database, and the runs of the study's experiment."""

    def read() -> tuple[Any, list[Any]]:
        from mlflow import MlflowClient

        client = MlflowClient(uri)
        experiment = client.get_experiment_by_name("made-up")
        return client, list(client.search_runs([experiment.experiment_id]))

    return read


def test_cells_and_trials_are_runs_with_all_that_is_known(
    export: Callable[[], str], tracked: Experiment, uri: str
) -> None:
    assert export() == f"12 new runs, 0 exported before: {uri}\n"
    client, runs = tracked()
    cells = {run.data.tags["cell_id"]: run for run in runs if run.data.tags["kind"] == "cell"}
    trials = {run.data.tags["trial_id"]: run for run in runs if run.data.tags["kind"] == "trial"}
    assert set(cells) == {"a", "b", "c"}
    assert set(trials) == {f"{cell}-s{seed}" for cell in "abc" for seed in range(3)}

    run = trials["b-s2"]
    assert run.info.run_name == "batch 512 · seed 2"
    assert run.info.status == "FINISHED"
    noon = datetime(2025, 11, 23, 12, 2, tzinfo=UTC).timestamp() * 1000
    assert (run.info.start_time, run.info.end_time) == (noon, noon + 10_000)
    assert run.data.params == {
        "model": "convnet", "dataset": "mnist", "batch_size": "512", "optimizer": "adam",
        "lr": "0.001", "device": "cpu", "compile": "False", "optimizer.eps": "1e-08", "seed": "2",
    }  # fmt: skip
    own = ("study", "status", "machine", "mlflow.parentRunId")
    assert [run.data.tags[name] for name in own] == [
        "made-up", "ok", "Example CPU | 2 cores", cells["b"].info.run_id,
    ]  # fmt: skip
    metrics = run.data.metrics
    assert metrics["test_accuracy"] == pytest.approx(0.992)
    assert (metrics["parameters"], metrics["wall_s"]) == (61_706, 10.0)
    assert "time_to_target_s" not in metrics  # infinite: missed
    curve = client.get_metric_history(run.info.run_id, "train_loss")
    assert [(m.step, m.value, m.timestamp - noon) for m in curve] == [
        (1, 1.0, 4500), (2, 0.5, 9000),
    ]  # fmt: skip
    assert len(client.get_metric_history(run.info.run_id, "test_accuracy")) == 2
    history = client.get_metric_history(run.info.run_id, "metrics/f_beta_beta_2.0_")
    assert [(point.step, point.value) for point in history] == [
        (1, pytest.approx(0.972)),
        (2, pytest.approx(0.982)),
    ]

    skipped = trials["c-s0"]
    assert skipped.info.status == "KILLED"
    assert skipped.data.tags["reason"] == NO_CUDA
    assert not skipped.data.metrics

    estimates = cells["a"].data.metrics
    assert estimates["step_low"] < estimates["step_median"] < estimates["step_high"]
    assert estimates["step_median"] == pytest.approx(0.0082)
    assert (estimates["step_n"], estimates["seeds"]) == (6, 3)
    assert cells["a"].info.end_time - cells["a"].info.start_time == 130_000  # the last began at 2′


def test_a_second_export_adds_nothing_and_a_third_what_is_new(
    export: Callable[[], str], tracked: Experiment, results: Path, uri: str
) -> None:
    export()
    _, before = tracked()
    assert export() == f"0 new runs, 12 exported before: {uri}\n"
    _, after = tracked()
    assert {run.info.run_id: run.to_dictionary() for run in before} == {
        run.info.run_id: run.to_dictionary() for run in after
    }
    write(results, seeds=4)  # a trial more a cell, and so new estimates of those that ran
    assert export().startswith("5 new runs, 10 exported before")
    _, runs = tracked()
    parents = {
        run.info.run_id for run in runs
        if run.data.tags["kind"] == "cell" and run.data.metrics.get("seeds", 0) == 4
    }  # fmt: skip
    nested = [
        run.data.tags["mlflow.parentRunId"] for run in runs
        if run.data.tags["kind"] == "trial" and run.data.tags["cell_id"] != "c"
    ]  # fmt: skip
    assert len(parents) == 2
    assert sorted(nested) == sorted([*parents] * 4)  # all seeds of a cell, old and new


def test_what_was_interrupted_is_completed(
    export: Callable[[], str], tracked: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    with monkeypatch.context() as patch, pytest.raises(AssertionError):
        patch.setattr(MlflowClient, "set_terminated", interrupt)
        export()  # and so with another exit code
    _, (begun,) = tracked()
    assert begun.info.status == "RUNNING"
    assert export().startswith("12 new runs")
    _, runs = tracked()
    assert len(runs) == 12
    assert {run.info.status for run in runs} == {"FINISHED", "KILLED"}
    assert begun.info.run_id in {run.info.run_id for run in runs}


def interrupt(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_a_server_that_is_not_there_is_one_message_without_its_password(
    bench: Callable, results: Path
) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    uri = "http://me:secret@127.0.0.1:9"  # the discard port: nobody listens
    own = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = bench("export", results, "--to", "mlflow", "--out", uri, **own)
    assert done.returncode == 2
    assert done.stderr.startswith("bench: http://127.0.0.1:9: MLflow: ")
    assert "secret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_without_mlflow_the_extra_is_named(
    bench: Callable, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    done = bench("export", results, "--to", "mlflow")
    assert done.returncode == 2
    assert "mlflow is not installed\n  pip install 'small-vision-bench[mlflow]'" in done.stderr
