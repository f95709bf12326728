"""The section "Results": one row for each cell, and no number without its uncertainty."""

import numpy as np
import pandas as pd

from bench.analysis.results import Results
from bench.cell_names import format_value
from bench.formatting import EXPLORATORY, format_number, format_percent, format_target
from bench.reporting.columns import (
    BLANK,
    Column,
    Section,
    name_columns,
    samples_note,
    with_numbers,
)
from bench.reporting.display_names import measured_first
from bench.reporting.sample_notes import speed_of
from bench.stats.estimates import MIN_FOR_INTERVAL

PHASE_SUM_RANGE = (0.95, 1.05)  # of phases over step, and of epoch over steps
PHASE_SUM_MARK = "†"


def results_section(results: Results, target: float | None) -> Section:
    """Return the section with the measurements of every cell."""
    mismatches, notes = int(has_phase_mismatch(results.summary).sum()), ""
    if mismatches:
        notes = (
            f"{PHASE_SUM_MARK} phase times don't add up to the step within 5%, or steps and data "
            "loading not to the epoch. Interpret the times of "
            f"{'this cell' if mismatches == 1 else 'these cells'} with care."
        )
    return Section("Results", result_columns(results, target), notes)


def result_columns(results: Results, target: float | None) -> list[Column]:
    """Return the columns of the result table, cells without measurements last."""
    summary = measured_first(results.summary)
    speed = speed_of(summary)
    step = _estimates("step (ms)", summary, "step", "timing block", 1e3)
    parameters = [BLANK if pd.isna(n) else f"{n:,}" for n in summary["parameters"]]
    columns = [
        *name_columns(summary["cell_id"], summary),
        _accuracy(summary),
        _estimates("images/s", summary, speed.measure, speed.sample),
        _with_mismatches_marked(step, summary),
        _time_to_target(summary, results.trials, target),
        _estimates("peak memory (MB)", summary, "peak_memory_bytes", "seed", 1e-6),
        Column("parameters", "", parameters),
    ]
    if (summary["status"] != "ok").any():
        statuses = [format_value(status) for status in summary["status"]]
        columns.append(Column("status", "", statuses, is_number=False))
    return with_numbers(columns)


def has_phase_mismatch(summary: pd.DataFrame) -> pd.Series:
    """Return for each cell whether phases don't add up to the step, or steps to the epoch.

    On CUDA the phases come from a separate pass, and are not compared with the step.
    """
    on_cpu = summary["device"].str.startswith("cpu")
    phases, epochs = summary["phases_over_step"], summary["epoch_over_steps"]
    off = phases.notna() & ~phases.between(*PHASE_SUM_RANGE) & on_cpu
    return pd.Series(off | (epochs.notna() & ~epochs.between(*PHASE_SUM_RANGE)), dtype=bool)


def _accuracy(summary: pd.DataFrame) -> Column:
    estimates = summary[["accuracy_mean", "accuracy_low", "accuracy_high"]].to_numpy(dtype=float)
    texts = [BLANK if np.isnan(e[0]) else format_percent(*e, unit="") for e in estimates]
    seeds = summary["seeds"].where(summary["accuracy_mean"].notna(), 0)
    return _with_samples("test accuracy (%)", texts, seeds, "seed", enough=2)


def _estimates(
    heading: str, summary: pd.DataFrame, measure: str, sample: str, scale: float = 1
) -> Column:
    parts = summary[[f"{measure}_{part}" for part in ("median", "low", "high")]] * scale
    texts = [BLANK if np.isnan(e[0]) else format_number(*e) for e in parts.to_numpy(dtype=float)]
    return _with_samples(heading, texts, summary[f"{measure}_n"], sample)


def _with_samples(
    heading: str, texts: list[str], counts: pd.Series, sample: str, enough: int = MIN_FOR_INTERVAL
) -> Column:
    """Write n below the heading, and in the rows where it differs or is too small."""
    known = counts[counts > 0]
    if (known >= enough).any():
        texts = [
            f"{text} {EXPLORATORY}" if 0 < n < enough else text
            for text, n in zip(texts, counts, strict=True)
        ]
    if known.nunique() > 1:
        texts = [f"{text} (n = {n})" if n else text for text, n in zip(texts, counts, strict=True)]
    return Column(heading, samples_note(counts, sample, enough), texts)


def _with_mismatches_marked(column: Column, summary: pd.DataFrame) -> Column:
    marked = [
        f"{text} {PHASE_SUM_MARK}" if mismatch else text
        for text, mismatch in zip(column.texts, has_phase_mismatch(summary), strict=True)
    ]
    return Column(column.heading, column.note, marked)


def _time_to_target(summary: pd.DataFrame, trials: pd.DataFrame, target: float | None) -> Column:
    """Write the median time to the target and how many of the seeds reached it."""
    name = "target" if target is None else format_target(target)
    column = _estimates(f"time to {name} (s)", summary, "time_to_target_s", "seed")
    known = trials[trials["time_to_target_s"].notna()]
    reached = np.isfinite(known["time_to_target_s"]).groupby(known["cell_id"]).sum()
    counts = summary["cell_id"].map(reached).fillna(0).astype(int)
    texts = [
        text if text == BLANK else f"{'missed' if text.startswith('∞') else text} ({k} of {n})"
        for text, k, n in zip(column.texts, counts, summary["time_to_target_s_n"], strict=True)
    ]
    return Column(column.heading, column.note, texts)
