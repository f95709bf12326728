"""The result table: one row a cell, and no number without its uncertainty."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.configurations import cell_labels, label_fields
from bench.analysis.results import Results
from bench.cell_names import UNCHANGED, field_name, format_value
from bench.formatting import EXPLORATORY, format_number, format_percent, format_target, plural_range
from bench.reporting.display_names import measured_first, named_apart
from bench.reporting.sample_notes import speed_of
from bench.stats.estimates import MIN_FOR_INTERVAL

BLANK = "–"
BOOKS = (0.95, 1.05)  # phases over step, and epoch over steps, within which the books close
OPEN_BOOKS = "†"


@dataclass(frozen=True)
class Column:
    """A column of a markdown table: its heading in one or two lines, and a text a row.

    Texts of numbers and verdicts are markdown already.
    """

    heading: str
    note: str
    texts: Sequence[str]
    is_number: bool = True
    is_verdict: bool = False


def name_columns(cell_ids: Iterable[str], summary: pd.DataFrame) -> list[Column]:
    """Name some of a summary's cells by what tells them apart: a column a field.

    One column where each is one change.
    """
    ids, apart = list(cell_ids), named_apart(summary)
    cells = apart if set(ids) <= set(apart["cell_id"]) else summary
    labels = cell_labels(cells)
    if UNCHANGED in labels.values():
        return [Column("cell", "", [labels[cell_id] for cell_id in ids], is_number=False)]
    named = cells.set_index("cell_id").loc[ids]
    return [
        Column(field_name(f), "", [format_value(v) for v in named[f]], is_number=False)
        for f in label_fields(cells) or ["model"]
    ]


def result_columns(tables: Results, target: float | None) -> list[Column]:
    """Make the result table's columns; a cell without numbers keeps its row, below the others."""
    summary = measured_first(tables.summary)
    speed = speed_of(summary)
    columns = name_columns(summary["cell_id"], summary)
    columns.append(_accuracy(summary))
    columns.append(_estimates("images/s", summary, speed.measure, speed.sample))
    columns.append(
        _with_open_books(_estimates("step (ms)", summary, "step", "timing block", 1e3), summary)
    )
    columns.append(_time_to_target(summary, tables.trials, target))
    columns.append(_estimates("peak memory (MB)", summary, "peak_memory_bytes", "seed", 1e-6))
    counts = summary["parameters"]
    columns.append(Column("parameters", "", [BLANK if pd.isna(n) else f"{n:,}" for n in counts]))
    if (summary["status"] != "ok").any():
        columns.append(
            Column("status", "", [format_value(s) for s in summary["status"]], is_number=False)
        )
    return [c for c in columns if not c.is_number or any(text != BLANK for text in c.texts)]


def open_books(summary: pd.DataFrame) -> pd.Series:
    """Mark the cells whose phases don't add up to their step, or whose steps not to their epoch.

    On CUDA the phases come from a pass of their own, and are not held against the step.
    """
    on_cpu = summary["device"].str.startswith("cpu")
    phases, epochs = summary["phases_over_step"], summary["epoch_over_steps"]
    open_phases = phases.notna() & ~phases.between(*BOOKS) & on_cpu
    return pd.Series(open_phases | (epochs.notna() & ~epochs.between(*BOOKS)), dtype=bool)


def _accuracy(summary: pd.DataFrame) -> Column:
    estimates = summary[["accuracy_mean", "accuracy_low", "accuracy_high"]].itertuples(index=False)
    texts = [BLANK if np.isnan(e[0]) else format_percent(*e, unit="") for e in estimates]
    seeds = summary["seeds"].where(summary["accuracy_mean"].notna(), 0)
    return _noted("test accuracy (%)", texts, seeds, "seed", enough=2)


def _estimates(
    heading: str, summary: pd.DataFrame, measure: str, sample: str, scale: float = 1
) -> Column:
    parts = summary[[f"{measure}_{part}" for part in ("median", "low", "high")]] * scale
    texts = [BLANK if np.isnan(e[0]) else format_number(*e) for e in parts.itertuples(index=False)]
    return _noted(heading, texts, summary[f"{measure}_n"], sample)


def _noted(
    heading: str, texts: list[str], counts: pd.Series, sample: str, enough: int = MIN_FOR_INTERVAL
) -> Column:
    """Say n under the heading if all cells have the same, and whatever is exploratory."""
    known = counts[counts > 0]
    if known.empty:
        return Column(heading, "", texts)
    note = plural_range(known, sample)
    if (known < enough).all():
        note += ", exploratory"
    elif (known < enough).any():
        texts = [
            f"{text} {EXPLORATORY}" if 0 < n < enough else text
            for text, n in zip(texts, counts, strict=True)
        ]
    if known.nunique() > 1:
        texts = [f"{text} (n = {n})" if n else text for text, n in zip(texts, counts, strict=True)]
    return Column(heading, note, texts)


def _with_open_books(column: Column, summary: pd.DataFrame) -> Column:
    marked = [
        f"{text} {OPEN_BOOKS}" if is_open else text
        for text, is_open in zip(column.texts, open_books(summary), strict=True)
    ]
    return Column(column.heading, column.note, marked)


def _time_to_target(summary: pd.DataFrame, trials: pd.DataFrame, target: float | None) -> Column:
    """Write the median time to the target and how many of the seeds reached it."""
    heading = "time to target (s)" if target is None else f"time to {format_target(target)} (s)"
    column = _estimates(heading, summary, "time_to_target_s", "seed")
    known = trials[trials["time_to_target_s"].notna()]
    reached = np.isfinite(known["time_to_target_s"]).groupby(known["cell_id"]).sum()
    texts = [
        text if text == BLANK else f"{'missed' if text.startswith('∞') else text} ({k} of {n})"
        for text, k, n in zip(
            column.texts,
            summary["cell_id"].map(reached).fillna(0).astype(int),
            summary["time_to_target_s_n"],
            strict=True,
        )
    ]
    return Column(heading, column.note, texts)
