"""Other metrics are compared as accuracies are, in their own unit and with their own direction."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import table
from side_by_side import trials_of

from bench.analysis.accuracy_comparisons import final_values
from bench.analysis.certificates import certificates
from bench.analysis.comparisons import compare_with_baseline

SAME = {"a": [0.90, 0.91, 0.92], "b": [0.90, 0.91, 0.92]}
Cells = Mapping[str, Sequence[float | None]]


def metric_rows(cells: Cells, *, is_lower_better: bool = False) -> pd.DataFrame:
    """Return metrics.csv: after the first epoch every value is 0, after the second as given."""
    rows = [
        {
            "cell_id": cell_id, "trial_id": f"{cell_id}-s{seed}", "seed": seed, "metric": "kappa",
            "epoch": epoch, "value": value if epoch == 2 else 0.0,
            "is_lower_better": is_lower_better,
        }
        for cell_id, values in cells.items()
        for seed, value in enumerate(values)
        for epoch in (2, 1)
    ]  # fmt: skip
    return table("metrics", *rows)


def trials() -> pd.DataFrame:
    made = trials_of(SAME)
    return made.assign(trial_id=made["cell_id"] + "-s" + made["seed"].astype(str))


def compared(cells: Cells, *, is_lower_better: bool = False) -> Any:
    rows = compare_with_baseline(
        trials(),
        table("timings"),
        table("blocks"),
        metric_rows(cells, is_lower_better=is_lower_better),
    )
    assert rows["measure"].tolist() == ["test_accuracy", "kappa"]
    return rows.iloc[1]


@pytest.mark.parametrize("scale", [1.0, 100.0, -1.0])
@pytest.mark.parametrize("is_lower_better", [False, True])
def test_the_verdict_follows_the_direction_of_the_metric(
    scale: float, is_lower_better: bool
) -> None:
    cells = {"a": [0.50, 0.51, 0.52], "b": [0.72, 0.70, 0.71]}
    scaled = {name: [scale * value for value in values] for name, values in cells.items()}
    row = compared(scaled, is_lower_better=is_lower_better)
    assert row["difference"] == pytest.approx(scale * 0.2)
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    rises = scale > 0
    assert row["verdict"] == ("IMPROVED" if rises != is_lower_better else "REGRESSED")
    if rises:
        assert row["ratio"] == pytest.approx(0.71 / 0.51)
    else:
        assert np.isnan(row["ratio"])


def test_a_metric_outside_zero_and_one_is_not_taken_for_a_share() -> None:
    cells = {"a": [50.0, 51.0, 52.0], "b": [50.5, 51.5, 52.5]}
    row, shifted = compared(cells), compared({n: [v - 200 for v in vs] for n, vs in cells.items()})
    for column in ("difference", "difference_low", "difference_high"):
        assert row[column] == pytest.approx(shifted[column])


def test_the_last_epoch_counts_and_a_blank_is_left_out() -> None:
    cells = {"a": [0.5, 0.6, 0.7], "b": [0.5, None, 0.7]}
    values = final_values(trials(), metric_rows(cells), "kappa")
    assert values.dropna().tolist() == [0.5, 0.5, 0.6, 0.7, 0.7]  # one seed after the other
    assert compared(cells)["n"] == 2


def test_a_certificate_of_a_metric_has_its_unit() -> None:
    values = final_values(
        trials(), metric_rows({"a": [50.0, 51.0, 52.0], "b": [40.0] * 3}), "kappa"
    )
    first, second = certificates(trials(), 45.0, values)
    assert (first.verdict, second.verdict) == ("CERTIFIED", "BELOW")
    assert first.low is not None and first.high is not None
    assert 45 < first.low < 51 < first.high
