"""Accuracy is paired by seed, and more of it is better."""

from collections.abc import Sequence
from typing import Any

import pytest
from hand_made import table
from side_by_side import trials_of

from bench.analysis.comparisons import ACCURACY_FLOOR, compare_with_baseline
from bench.stats.estimates import mean_t


def accuracy(a: Sequence[float | None], b: Sequence[float | None]) -> Any:
    rows = compare_with_baseline(trials_of({"a": a, "b": b}), table("timings"), table("blocks"))
    assert rows[["cell_id", "baseline_id", "measure"]].to_numpy().tolist() == [
        ["b", "a", "test_accuracy"]
    ]
    return rows.iloc[0]


BASELINE = [0.90, 0.94, 0.92]


@pytest.mark.parametrize(
    ("change", "expected"),
    [(0.03, "IMPROVED"), (-0.03, "REGRESSED"), (0.0, "EQUIVALENT"), (0.0005, "EQUIVALENT")],
)
def test_a_higher_accuracy_is_an_improvement(change: float, expected: str) -> None:
    row = accuracy(BASELINE, [x + change for x in BASELINE])
    assert row["verdict"] == expected
    assert row["difference"] == pytest.approx(change)
    assert row["ratio"] == pytest.approx(1 + change / 0.92)


def test_the_interval_is_students_over_the_differences_of_each_seed() -> None:
    after = [0.91, 0.96, 0.92]
    row = accuracy(BASELINE, after)
    expected = mean_t([y - x for x, y in zip(BASELINE, after, strict=True)])
    assert expected.low is not None and expected.high is not None
    assert row["difference"] == pytest.approx(expected.value)
    assert row["low"] == pytest.approx(1 + expected.low / 0.92)
    assert row["high"] == pytest.approx(1 + expected.high / 0.92)
    assert (row["n"], row["verdict"]) == (3, "INCONCLUSIVE")
    assert row["floor"] == pytest.approx(ACCURACY_FLOOR / 0.92)


def test_a_seed_that_failed_on_one_side_is_no_pair() -> None:
    row = accuracy([0.90, None, 0.92, 0.5], [0.93, 0.97, 0.95, None])
    assert row["n"] == 2
    assert row["difference"] == pytest.approx(0.03)


@pytest.mark.parametrize(("n", "further"), [(1, 2), (2, 1)])
def test_fewer_than_three_seeds_have_a_difference_and_no_interval(n: int, further: int) -> None:
    row = accuracy([0.9] * n, [0.95] * n)
    assert (row["n"], row["verdict"], row["further"]) == (n, "INCONCLUSIVE", further)
    assert row["difference"] == pytest.approx(0.05)
    assert row[["low", "high", "mde"]].isna().all()


def test_accuracies_that_scatter_beyond_all_bounds_are_inconclusive() -> None:
    """Student's interval of three such seeds would reach below an accuracy of 0."""
    row = accuracy([0.98, 0.98, 0.98], [0.10, 0.97, 0.54])
    assert (row["low"], row["verdict"]) == (0, "INCONCLUSIVE")
    assert row["high"] > 1


def test_a_cell_that_learnt_nothing_at_all_is_compared_too() -> None:
    assert accuracy([0.1, 0.2, 0.3], [0.0, 0.0, 0.0])["ratio"] == pytest.approx(0.0)
    assert accuracy([0.0] * 3, [0.5] * 3)["verdict"] == "IMPROVED"


def test_networks_that_were_never_trained_are_not_compared() -> None:
    trials = trials_of({"a": BASELINE, "b": BASELINE}).assign(epochs_done=0)
    assert compare_with_baseline(trials, table("timings"), table("blocks")).empty
