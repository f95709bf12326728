"""Cells whose step time is not known well enough, the widest first."""

from typing import Any

import pandas as pd
import pytest

from bench.analysis.summary import wide_cells


def summary(**cells: tuple[float | None, float | None, float | None, int]) -> pd.DataFrame:
    """Make a summary from (low, median, high, n) by cell."""
    rows: list[dict[str, Any]] = [
        {"cell_id": c, "step_low": low, "step_median": median, "step_high": high, "step_n": n}
        for c, (low, median, high, n) in cells.items()
    ]
    types = {"step_low": float, "step_median": float, "step_high": float, "step_n": "Int64"}
    return pd.DataFrame(rows).astype(types)


CELLS = summary(a=(0.99, 1.0, 1.01, 6), b=(8.0, 10.0, 12.0, 6), c=(0.5, 1.0, 1.5, 6))


@pytest.mark.parametrize(
    ("half_width", "expected"),
    [(0.0, ["c", "b", "a"]), (0.05, ["c", "b"]), (0.3, ["c"]), (0.6, [])],
)
def test_half_an_interval_is_held_against_the_median(
    half_width: float, expected: list[str]
) -> None:
    assert wide_cells(CELLS, half_width) == expected


def test_a_cell_without_an_interval_is_wider_than_any_other() -> None:
    few = summary(a=(0.5, 1.0, 1.5, 6), b=(None, 1.0, None, 5))
    assert wide_cells(few, 0.1) == ["b", "a"]


def test_a_cell_that_was_never_timed_cannot_be_narrowed() -> None:
    assert wide_cells(summary(a=(None, None, None, 0)), 0.1) == []


def test_cells_of_equal_width_keep_their_order() -> None:
    assert wide_cells(summary(b=(None, 1, None, 1), a=(None, 1, None, 1)), 0.1) == ["b", "a"]


def test_an_interval_without_width_is_narrow_whatever_is_requested() -> None:
    assert wide_cells(summary(a=(1.0, 1.0, 1.0, 6)), 0.0) == []
