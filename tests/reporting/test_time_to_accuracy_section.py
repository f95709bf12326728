import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.analysis.results import Results, read_results
from bench.formatting import format_number
from bench.records import ROWS, columns_of
from bench.reporting.columns import Column
from bench.reporting.metric_texts import Target
from bench.reporting.target_section import ratio_in_words, target_findings, target_section
from bench.stats.estimates import bootstrap_median

INF = math.inf
TARGET = Target(0.9896)
Study = Callable[..., Results]

BASE = {
    "study": "race",
    "model": "convnet",
    "dataset": "mnist",
    "batch_size": 512,
    "optimizer": "adam",
    "lr": 0.001,
    "device": "cuda",
    "precision": "fp32",
}
SURE = [0.9902, 0.9903, 0.9904]  # mean 99.03%, one-sided 95% lower bound 99.013%
UNSURE = [0.9885, 0.9895, 0.9905]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Return a study's tables from the seeds of every cell; cells differ in their precision."""

    def make(**cells: Sequence[dict[str, Any]]) -> Results:
        rows = [
            {**BASE, "cell_id": name, "precision": name, "seed": i, "status": "ok", **seed}
            for name, seeds in cells.items()
            for i, seed in enumerate(seeds)
        ]
        columns = [*BASE, "cell_id", *columns_of(ROWS["trials"])]
        pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "trials.csv", index=False)
        return read_results(tmp_path)

    return make


def seeds(
    train_s: float, accuracies: Sequence[float], times: Sequence[float] = (), steps: float = 470
) -> list[dict[str, Any]]:
    """Return a cell's seeds; without given times to the target it takes half the training."""
    times = times or [train_s / 2] * len(accuracies)
    return [
        {
            "train_s": train_s,
            "test_accuracy": accuracy,
            "time_to_target_s": time,
            "steps_to_target": INF if time == INF else steps,
        }
        for accuracy, time in zip(accuracies, times, strict=True)
    ]


def texts(tables: Results, heading: str, target: float = TARGET) -> list[str]:
    (column,) = [c for c in target_section(tables, target).columns if c.heading.startswith(heading)]
    return list(column.texts)


def column(tables: Results, heading: str) -> Column:
    (found,) = [c for c in target_section(tables, TARGET).columns if c.heading.startswith(heading)]
    return found


def test_the_table_splits_the_time_into_steps_and_seconds_a_step(study: Study) -> None:
    tables = study(fp32=seeds(144, SURE, [40, 47, 50]), bf16=seeds(3.1, SURE, [2.35, 2.0, 2.5]))
    assert texts(tables, "training time to 98.96% (s)") == [
        "47.0 (exploratory)",
        "2.35 (exploratory)",
    ]
    assert texts(tables, "reached by") == ["3 of 3", "3 of 3"]
    assert texts(tables, "training steps to it") == ["470", "470"]
    assert texts(tables, "a step (ms)") == ["100", "5.00"]
    assert texts(tables, "time to it over the baseline's") == ["–", "0.0500 (exploratory)"]


def test_six_seeds_have_intervals(study: Study) -> None:
    times = [40.0, 44.0, 46.0, 48.0, 50.0, 54.0]
    tables = study(fp32=seeds(144, SURE * 2, times), bf16=seeds(3, SURE * 2))
    expected = bootstrap_median(times)
    low, high = expected.low, expected.high
    assert low is not None and high is not None
    assert texts(tables, "training time to")[0] == format_number(expected.value, low, high)
    assert texts(tables, "total training time over") == ["–", "0.0208 [0.0208, 0.0208]"]


def test_a_cell_that_missed_keeps_its_row(study: Study) -> None:
    tables = study(fp32=seeds(144, SURE), bf16=seeds(3, UNSURE, [INF, 2, INF]))
    assert texts(tables, "training time to")[1] == "missed"
    assert texts(tables, "reached by")[1] == "1 of 3"
    assert texts(tables, "training steps to it")[1] == "missed"
    assert texts(tables, "time to it over the baseline's")[1] == "missed"


def test_misses_in_both_cells_are_not_called_too_few(study: Study) -> None:
    times = [10.0] * 6 + [INF]
    tables = study(
        fp32=seeds(144, [0.99] * 7, times), bf16=seeds(3, [0.99] * 7, [t / 2 for t in times])
    )
    (_, text) = texts(tables, "time to it over")
    assert text == "0.500 (no interval: some seeds of both cells missed)"


def test_certified_is_yes_no_or_a_reason(study: Study) -> None:
    broken = {"status": "diverged", "reason": "loss is nan"}
    tables = study(
        fp32=seeds(144, SURE),
        bf16=seeds(3, UNSURE),
        tf32=seeds(3, SURE[:2]),
        fp16=[*seeds(2, SURE), broken],
    )
    assert texts(tables, "certified") == [
        "yes",
        "no",
        "– (fewer than 3 seeds)",
        "no: 1 seed did not finish",
    ]
    # 99.03 - 2.920 * 0.01 / sqrt(3), with t(0.95, 2) of NIST/SEMATECH e-Handbook, 1.3.6.7.2.
    bounds = texts(tables, "mean final accuracy")
    assert bounds[0] == "99.03, ≥ 99.01"
    assert bounds[2].endswith(" (exploratory)") and "≥" not in bounds[2]


def test_pairs_are_counted_where_the_baseline_has_fewer_seeds(study: Study) -> None:
    tables = study(fp32=seeds(144, SURE), bf16=seeds(3.6, [*SURE, 0.99]), tf32=seeds(72, SURE))
    assert column(tables, "total training time over").note == "median of 3 pairs by seed"
    assert texts(tables, "total training time over") == [
        "–",
        "0.0250 (exploratory) (n = 3)",
        "0.500 (exploratory)",
    ]


def test_a_cell_that_was_skipped_has_no_row(study: Study) -> None:
    tables = study(fp32=seeds(144, SURE), bf16=[{"status": "skipped", "reason": "no CUDA"}])
    assert texts(tables, "precision") == ["fp32"]


def test_older_tables_without_steps_have_no_such_columns(study: Study) -> None:
    old = [{**seed, "steps_to_target": None} for seed in seeds(144, SURE)]
    headings = [c.heading for c in target_section(study(fp32=old), TARGET).columns]
    assert "training steps to it" not in headings and "a step (ms)" not in headings


def test_the_fastest_certified_cell_is_a_finding(study: Study) -> None:
    tables = study(fp32=seeds(144, SURE), bf16=seeds(3.12, SURE), tf32=seeds(1, UNSURE))
    assert target_findings(tables, TARGET) == [
        "**Certified at 98.96%:** bf16 in 3.12 s of training (1/46 of the baseline's 144 s; mean "
        "99.03%, lower bound 99.01%, 3 seeds); 1 other cell is certified too."
    ]


def test_the_baseline_itself_may_be_the_fastest(study: Study) -> None:
    (finding,) = target_findings(study(fp32=seeds(144, SURE), bf16=seeds(150, SURE)), TARGET)
    assert "fp32 in 144 s of training (the baseline cell; mean 99.03%" in finding


def test_a_slower_cell_than_an_uncertified_baseline_is_reported_as_slower(study: Study) -> None:
    (finding,) = target_findings(study(fp32=seeds(100, UNSURE), bf16=seeds(150, SURE)), TARGET)
    assert "bf16 in 150 s of training (1.50 times the baseline's 100 s" in finding


def test_where_none_is_certified_the_nearest_is_named(study: Study) -> None:
    tables = study(fp32=seeds(144, [0.98, 0.981, 0.982]), bf16=seeds(3, UNSURE))
    (finding,) = target_findings(tables, TARGET)
    assert finding.startswith(
        "**Certified at 98.96%:** no cell is certified. The nearest is bf16 ("
    )


def test_too_few_seeds_for_any_certificate_are_reported(study: Study) -> None:
    assert target_findings(study(fp32=seeds(144, SURE[:2])), TARGET) == [
        "**Certified at 98.96%:** no cell is certified; that takes three seeds or more."
    ]


def test_without_a_target_there_is_nothing_to_state(study: Study) -> None:
    tables = study(fp32=seeds(144, SURE))
    assert target_section(tables, None).columns == ()
    assert target_findings(tables, None) == []


def test_networks_that_were_not_trained_have_no_time_to_accuracy(study: Study) -> None:
    rows = [{"test_accuracy": 0.1, "epochs_done": 0, "time_to_target_s": INF}] * 3
    assert target_section(study(fp32=rows), TARGET).columns == ()


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(0.0216, "1/46"), (0.43, "1/2.3"), (0.83, "0.830"), (1.5, "1.50"), (0.0004, "1/2,500")],
)
def test_small_ratios_read_as_one_over_something(ratio: float, words: str) -> None:
    assert ratio_in_words(ratio) == words
