"""`bench certify` by the real command line, on made-up trials."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.records import MetricRow, TrialRow, columns_of

SURE, CLOSE, LOW = [0.991, 0.992, 0.993], [0.988, 0.990, 0.993], [0.950, 0.951, 0.952]


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a results folder of trials: a cell per batch size."""

    def write(cells: dict[int, Sequence[float]]) -> Path:
        rows = [
            {
                "study": "made-up", "cell_id": f"c{size}", "model": "convnet", "dataset": "mnist",
                "batch_size": size, "optimizer": "adam", "lr": 0.001, "device": "cpu",
                "trial_id": f"c{size}-s{seed}", "seed": seed, "status": "ok", "epochs_done": 1,
                "test_accuracy": accuracy,
            }
            for size, accuracies in cells.items()
            for seed, accuracy in enumerate(accuracies)
        ]  # fmt: skip
        columns = [*list(rows[0])[:8], *columns_of(TrialRow)]
        pd.DataFrame(rows).reindex(columns=columns).to_csv(tmp_path / "trials.csv", index=False)
        return tmp_path

    return write


def certify(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["certify", *map(str, arguments)], catch_exceptions=True)


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({64: SURE}, 0),
        ({64: SURE, 512: CLOSE}, 3),
        ({64: SURE, 512: CLOSE, 128: LOW}, 1),
        ({64: SURE[:2]}, 3),
    ],
)
def test_the_exit_code_is_that_of_the_worst_cell(
    folder: Callable[..., Path], cells: dict[int, Sequence[float]], code: int
) -> None:
    done = certify(folder(cells), "--accuracy", "98.96%")
    assert done.exit_code == code, done.stdout


def test_the_table_has_a_row_a_cell_and_json_the_numbers(folder: Callable[..., Path]) -> None:
    path = folder({64: SURE, 512: LOW})
    text = certify(path, "--accuracy", "0.9896").stdout
    assert "at 98.96%" in text and "certified" in text and "below" in text
    rows = json.loads(certify(path, "--accuracy", "0.9896", "--json").stdout)
    assert [(row["cell"], row["verdict"]) for row in rows] == [
        ("batch 64", "CERTIFIED"),
        ("batch 512", "BELOW"),
    ]
    # t(0.95, 2) = 2.920: NIST/SEMATECH e-Handbook, 1.3.6.7.2.
    assert rows[0]["low"] == pytest.approx(0.992 - 2.920 * 0.001 / 3**0.5, abs=1e-6)
    assert (rows[0]["seeds"], rows[0]["ended"], rows[0]["mean"]) == (3, 3, pytest.approx(0.992))


@pytest.mark.parametrize("name", ["c64", "batch 64"])
def test_a_single_cell_is_certified_by_its_name_or_id(
    folder: Callable[..., Path], name: str
) -> None:
    done = certify(folder({64: SURE, 512: LOW}), "--accuracy", "98.96%", "--only", name)
    assert done.exit_code == 0
    assert "512" not in done.stdout


def test_another_metric_is_certified_in_its_own_unit(folder: Callable[..., Path]) -> None:
    path = folder({64: SURE, 512: LOW})
    trials = pd.read_csv(path / "trials.csv")
    rows = trials.assign(epoch=1, metric="kappa", value=10 * trials["test_accuracy"])
    columns = [*trials.columns[:8], *columns_of(MetricRow)]
    rows.assign(is_lower_better=False)[columns].to_csv(path / "metrics.csv", index=False)
    done = certify(path, "--metric", "kappa", "--at-least", 9.8, "--json")
    assert [row["verdict"] for row in json.loads(done.stdout)] == ["CERTIFIED", "BELOW"]
    text = certify(path, "--metric", "kappa", "--at-least", 9.8).stdout
    assert "at kappa 9.8" in text and "of the mean kappa over seeds" in text
    wrong = certify(path, "--metric", "kapa", "--at-least", 9.8)
    assert "Did you mean 'kappa'?" in str(wrong.exception)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "expected a target: --accuracy, or --metric with --at-least"),
        (["--metric", "kappa"], "expected a target: --accuracy, or --metric with --at-least"),
        (["--metric", "kappa", "--at-least", "1"], "--metric: the study has no such metric"),
        (["--accuracy", "98.96"], "--accuracy: invalid fraction '98.96'"),
        (["--accuracy", "much"], "--accuracy: invalid fraction 'much'"),
        (["--accuracy", "98%", "--only", "batch 46"], "batch 64"),
    ],
)
def test_wrong_input_is_one_message(
    bench: Callable[..., Any],
    folder: Callable[..., Path],
    arguments: list[str],
    expected: str,
) -> None:
    done = bench("certify", str(folder({64: SURE, 512: LOW})), *arguments)
    assert done.returncode == 2
    assert expected in done.stderr and "Traceback" not in done.stderr
