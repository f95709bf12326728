"""Exports of results to other tools' formats."""

from collections.abc import Callable, Mapping
from pathlib import Path

from bench.export.exported import Exported
from bench.export.github_action_benchmark import to_github_action_benchmark
from bench.export.mlflow import to_mlflow
from bench.export.parquet import to_parquet

# Each takes the results folder and the target, None for its default.
EXPORTERS: Mapping[str, Callable[[Path, str | None], Exported]] = {
    "parquet": to_parquet,
    "mlflow": to_mlflow,
    "github-action-benchmark": to_github_action_benchmark,
}
