"""`bench export`: invalid options are one message."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arguments", "expected_text"),
    [
        (["--to", "parket"], "--to: unknown format 'parket'\n  Did you mean 'parquet'?"),
        (["--to", "github-action-benchmarks"], "Did you mean 'github-action-benchmark'?"),
        (["--to", "x"], "Known: github-action-benchmark, mlflow, parquet."),
        ([], "Missing option '--to'"),
    ],
)
def test_an_unknown_format_is_answered_with_the_nearest(
    bench: Callable, results: Path, arguments: list[str], expected_text: str
) -> None:
    done = bench("export", results, *arguments)
    assert done.returncode == 2
    assert expected_text in done.stderr


def test_a_folder_without_results_is_named(bench: Callable, tmp_path: Path) -> None:
    done = bench("export", "nowhere", "--to", "github-action-benchmark")
    assert done.returncode == 2
    assert "nowhere: no trials.csv here" in done.stderr
    assert not (tmp_path / "exports").exists()


@pytest.mark.parametrize(
    ("to", "expected_text"),
    [
        ("mlflow", "no trials to export"),
        ("github-action-benchmark", "no cell has a result to export"),
    ],
)
def test_a_study_without_results_is_refused(
    bench: Callable, results: Path, to: str, expected_text: str
) -> None:
    if to == "mlflow":
        pytest.importorskip("mlflow")
        pytest.importorskip("sqlalchemy")
    for table in results.glob("*.csv"):
        if table.stem == "trials":
            header = table.read_text(encoding="utf-8").partition("\n")[0]
            table.write_text(f"{header}\n", encoding="utf-8")
        else:
            table.unlink()
    done = bench("export", results, "--to", to)
    assert done.returncode == 2
    assert expected_text in done.stderr


def test_help_has_an_example(bench: Callable) -> None:
    assert "Example: bench export results/baseline --to" in bench("export", "--help").stdout
