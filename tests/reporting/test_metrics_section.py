"""The section on metrics, and the target of one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.analysis.results import Results, read_results
from bench.records import ROWS, columns_of
from bench.reporting.columns import BLANK
from bench.reporting.markdown_text import plain_verdicts
from bench.reporting.metric_texts import Target
from bench.reporting.metrics_section import metric_verdicts, metrics_section
from bench.reporting.page import read_context
from bench.reporting.target_section import target_findings, target_section

BASE = {
    "study": "s", "model": "mlp", "dataset": "digits", "batch_size": 64, "optimizer": "adam",
    "lr": 0.1, "device": "cpu",
}  # fmt: skip
F1 = {"fp32": [0.90, 0.91, 0.92], "bf16": [0.95, 0.96, 0.94]}
ERROR = {"fp32": [0.010, 0.012, 0.011], "bf16": [0.020, 0.021, 0.023]}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Return a study of two cells, three seeds and two metrics; of the second less is better."""
    trials: list[dict[str, Any]] = []
    metrics: list[dict[str, Any]] = []
    for cell, scores in F1.items():
        for seed, score in enumerate(scores):
            trial = BASE | {"cell_id": cell, "precision": cell, "seed": seed}
            trial["trial_id"] = f"{cell}-s{seed}"
            end = {"status": "ok", "epochs_done": 1, "test_accuracy": 0.9, "train_s": 2.0}
            trials.append({**trial, **end, "time_to_target_s": 1.0, "steps_to_target": 10})
            for name, value in (("macro_f1", score), ("own_error", ERROR[cell][seed])):
                is_lower_better = name == "own_error"
                row = {"epoch": 1, "metric": name, "value": value}
                metrics.append({**trial, **row, "is_lower_better": is_lower_better})
    for name, rows in (("trials", trials), ("metrics", metrics)):
        columns = [*BASE, "precision", "cell_id", *columns_of(ROWS[name])]
        pd.DataFrame(rows, columns=columns).to_csv(tmp_path / f"{name}.csv", index=False)
    return read_results(tmp_path)


def texts(results: Results) -> Mapping[str, Sequence[str]]:
    return {column.heading: column.texts for column in metrics_section(results).columns}


def test_a_row_for_each_metric_and_cell_with_its_verdict(results: Results) -> None:
    shown = texts(results)
    assert list(shown["metric"]) == ["macro_f1 (%)"] * 2 + ["own_error, lower is better"] * 2
    assert shown["mean"][0].startswith("91.00 [")
    assert shown["mean"][2].startswith("0.0110 [")
    assert [text.partition(" ")[0] for text in shown["difference"]] == [
        BLANK, "+4.00", BLANK, "+0.0103",
    ]  # fmt: skip
    verdicts = [plain_verdicts(text) for text in shown["verdict"]]
    assert verdicts == [BLANK, "**better**", BLANK, "**worse**"]


def test_a_metric_that_was_never_finite_is_blank_beside_another(results: Results) -> None:
    is_error = results.metrics["metric"] == "own_error"
    metrics = results.metrics.assign(value=results.metrics["value"].mask(is_error))
    comparisons = results.comparisons[results.comparisons["measure"] != "own_error"]
    shown = texts(replace(results, metrics=metrics, comparisons=comparisons))
    assert shown["mean"][2:] == shown["difference"][2:] == [BLANK, BLANK]
    assert plain_verdicts(shown["verdict"][1]) == "**better**"


def test_verdicts_are_counted_by_metric(results: Results) -> None:
    assert metric_verdicts(results) == {"macro_f1": "1 better", "own_error": "1 worse"}


def test_a_study_without_metrics_has_no_section(results: Results, tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").unlink()
    assert not metrics_section(read_results(tmp_path)).columns


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("target_accuracy: 0.9896", Target(0.9896)),
        ("target: {metric: {name: macro_f1}, at_least: 0.93}", Target(0.93, "macro_f1")),
        ("target: {metric: {import: 'gone:kappa'}, at_least: 0.8}", Target(0.8, "kappa")),
        ("target: null", None),
        ("target: {metric: 3}", None),
    ],
)
def test_the_target_is_that_of_the_study(
    tmp_path: Path, written: str, target: Target | None
) -> None:
    (tmp_path / "study.yaml").write_text(written, encoding="utf-8")
    assert read_context(tmp_path).target == target


def test_cells_are_certified_at_the_target_of_a_metric(results: Results) -> None:
    target = Target(0.93, "macro_f1")
    columns = {column.heading: column.texts for column in target_section(results, target).columns}
    assert "training time to macro_f1 93% (s)" in columns
    assert columns["certified"] == ["no", "yes"]
    assert columns["mean final macro_f1 (%)"][1].startswith("95.00, ≥ 93.")
    (finding,) = target_findings(results, target)
    assert finding.startswith("**Certified at macro_f1 93%:** bf16 in 2.00 s of training")
