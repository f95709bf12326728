"""Columns of the report's tables, and the sections that hold them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.configurations import name_cells, naming_fields
from bench.cell_names import BASELINE, field_name, format_value
from bench.formatting import format_number, format_percent, plural_range
from bench.reporting.display_names import named_apart

BLANK = "–"


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, a note below it, and the text of each row.

    Texts of numbers and verdicts are markdown already.
    """

    heading: str
    note: str
    texts: Sequence[str]
    is_number: bool = True
    is_verdict: bool = False


@dataclass(frozen=True)
class Section:
    """A section of the report: its table, with markdown before and after it.

    `details` is a further table, folded under the title `details_title`.
    """

    title: str
    columns: Sequence[Column]
    notes: str = ""
    intro: str = ""
    details: Sequence[Column] = ()
    details_title: str = ""


def with_numbers(columns: Iterable[Column]) -> list[Column]:
    """Drop columns of numbers that are blank in every row."""
    return [c for c in columns if not c.is_number or any(text != BLANK for text in c.texts)]


def name_columns(cell_ids: Iterable[str], summary: pd.DataFrame) -> list[Column]:
    """Return the columns that name cells: one for each field in which they differ.

    One column only where each cell is named by a single change.
    """
    ids, apart = list(cell_ids), named_apart(summary)
    cells = apart if set(ids) <= set(apart["cell_id"]) else summary
    labels = name_cells(cells)
    if BASELINE in labels.values():
        return [Column("cell", "", [labels[cell_id] for cell_id in ids], is_number=False)]
    named = cells.set_index("cell_id").loc[ids]
    return [
        Column(field_name(f), "", [format_value(v) for v in named[f]], is_number=False)
        for f in naming_fields(cells) or ["model"]
    ]


def samples_note(counts: pd.Series, sample: str, enough: int) -> str:
    """Return how many samples are behind a column, and whether all rows have too few."""
    known = counts[counts > 0]
    if known.empty:
        return ""
    return plural_range(known, sample) + (", exploratory" if (known < enough).all() else "")


def texts_of(values: Iterable[Any], write: Callable[[Any], str] = format_number) -> list[str]:
    """Write each value, a missing one as a blank."""
    return [BLANK if pd.isna(value) else write(value) for value in values]


def estimate_texts(cells: pd.DataFrame, measure: str, scale: float = 1) -> list[str]:
    """Write a measure's medians with their intervals, a missing one as a blank."""
    parts = cells[[f"{measure}_{part}" for part in ("median", "low", "high")]] * scale
    return [BLANK if pd.isna(e[0]) else format_number(*e) for e in parts.to_numpy(dtype=float)]


def accuracy_texts(cells: pd.DataFrame, measure: str) -> list[str]:
    """Write mean accuracies in percent with their intervals, a missing one as a blank."""
    parts = cells[[f"{measure}_{part}" for part in ("mean", "low", "high")]].to_numpy(dtype=float)
    return [BLANK if pd.isna(e[0]) else format_percent(*e, unit="") for e in parts]
