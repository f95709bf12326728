"""Cells whose ratio of step times to the baseline is not known well enough."""

import pandas as pd
import pytest

from bench.analysis.time_comparisons import wide_cells

Interval = tuple[float | None, float | None, float | None]  # low, value, high
NONE = pd.DataFrame({"measure": [], "cell_id": [], "low": [], "ratio": [], "high": []})


def summary(**cells: tuple[float | None, float | None, float | None, int]) -> pd.DataFrame:
    """Make a summary from (low, median, high, n) by cell."""
    rows = [
        {"cell_id": c, "step_low": low, "step_median": median, "step_high": high, "step_n": n}
        for c, (low, median, high, n) in cells.items()
    ]
    types = {"step_low": float, "step_median": float, "step_high": float, "step_n": "Int64"}
    return pd.DataFrame(rows).astype(types)


def comparisons(measure: str = "step", **cells: Interval) -> pd.DataFrame:
    """Make comparisons from the interval of the ratio by cell."""
    rows = [
        {"measure": measure, "cell_id": c, "low": low, "ratio": ratio, "high": high}
        for c, (low, ratio, high) in cells.items()
    ]
    return pd.DataFrame(rows).astype({"low": float, "ratio": float, "high": float})


# The steps of the cells themselves are known badly, as on a machine that drifts.
CELLS = summary(base=(0.1, 1.0, 9.0, 6), b=(0.1, 1.0, 9.0, 6), c=(0.1, 1.0, 9.0, 6))
RATIOS = comparisons(b=(0.99, 1.0, 1.01), c=(8.0, 10.0, 12.0))


@pytest.mark.parametrize(("half_width", "expected"), [(0.0, ["b", "c"]), (0.05, ["c"]), (0.3, [])])
def test_half_an_interval_of_the_ratio_is_held_against_the_ratio(
    half_width: float, expected: list[str]
) -> None:
    assert wide_cells(CELLS, RATIOS, half_width) == expected


def test_a_cell_whose_ratio_has_no_interval_is_wide() -> None:
    few = comparisons(b=(0.99, 1.0, 1.01), c=(None, 1.0, None))
    assert wide_cells(CELLS, few, 0.1) == ["c"]


def test_only_the_ratio_of_the_step_counts() -> None:
    mixed = pd.concat([RATIOS, comparisons("epoch", b=(0.1, 1.0, 9.0))])
    assert wide_cells(CELLS, mixed, 0.05) == ["c"]


def test_an_interval_without_width_is_narrow_whatever_is_requested() -> None:
    assert wide_cells(CELLS, comparisons(b=(1.0, 1.0, 1.0)), 0.0) == []


@pytest.mark.parametrize(
    ("low", "high", "half_width", "expected"),
    [(0.9, 1.1, 0.2, []), (0.9, 1.1, 0.05, ["a"]), (None, None, 0.2, ["a"])],
)
def test_of_a_single_cell_the_step_time_itself_counts(
    low: float | None, high: float | None, half_width: float, expected: list[str]
) -> None:
    assert wide_cells(summary(a=(low, 1.0, high, 6)), NONE, half_width) == expected


def test_a_cell_that_was_never_timed_cannot_be_narrowed() -> None:
    assert wide_cells(summary(a=(None, None, None, 0)), NONE, 0.1) == []
