"""The sections "Results" and "What a step costs": a row for each cell."""

import numpy as np
import pandas as pd

from bench.analysis.configurations import LIMITS
from bench.analysis.results import Results
from bench.analysis.summary import BOTTLENECK_RULE
from bench.cell_names import format_value
from bench.formatting import EXPLORATORY, format_short
from bench.reporting.columns import (
    BLANK,
    Column,
    Section,
    accuracy_texts,
    estimate_texts,
    name_columns,
    samples_note,
    texts_of,
    with_numbers,
)
from bench.reporting.display_names import measured_first
from bench.reporting.markdown_text import escape
from bench.reporting.metric_texts import Target
from bench.reporting.sample_notes import speed_of
from bench.stats.estimates import MIN_FOR_INTERVAL

PHASE_SUM_RANGE = (0.95, 1.05)  # of phases over step, and of epoch over steps
PHASE_SUM_MARK = "†"


def results_section(results: Results, target: Target | None) -> Section:
    """Return the section with the measurements of every cell, those without any last."""
    summary = measured_first(results.summary)
    speed, mismatched = speed_of(summary), has_phase_mismatch(summary)
    step = _estimates("step (ms)", summary, "step", "timing set", 1e3)
    marks = [f" {PHASE_SUM_MARK}" if mismatch else "" for mismatch in mismatched]
    columns = [
        *name_columns(summary["cell_id"], summary),
        _accuracy(summary),
        _estimates("images/s", summary, speed.measure, speed.sample),
        Column(step.heading, step.note, list(map(str.__add__, step.texts, marks))),
        _time_to_target(summary, results.trials, target),
        _estimates("peak memory (MB)", summary, "peak_memory_bytes", "seed", 1e-6),
        Column("parameters", "", texts_of(summary["parameters"], "{:,}".format)),
    ]
    if (summary["status"] != "ok").any():
        statuses = texts_of(summary["status"], format_value)
        columns.append(Column("status", "", statuses, is_number=False))
    these = "this cell" if mismatched.sum() == 1 else "these cells"
    notes = (
        f"{PHASE_SUM_MARK} phase times don't add up to the step within 5%, or steps and data "
        f"loading not to the epoch. Interpret the times of {these} with care."
    )
    return Section("Results", with_numbers(columns), notes if mismatched.any() else "")


def has_phase_mismatch(summary: pd.DataFrame) -> pd.Series:
    """Return for each cell whether phases don't add up to the step, or steps to the epoch.

    On CUDA the phases come from a separate pass, and are not compared with the step.
    """
    on_cpu = summary["device"].str.startswith("cpu")
    phases, epochs = summary["phases_over_step"], summary["epoch_over_steps"]
    off = phases.notna() & ~phases.between(*PHASE_SUM_RANGE) & on_cpu
    return pd.Series(off | (epochs.notna() & ~epochs.between(*PHASE_SUM_RANGE)), dtype=bool)


def cost_section(summary: pd.DataFrame) -> Section:
    """Return FLOPs, memory and bottleneck of a step; without columns if none was measured."""
    cells = summary[summary["step_flops"].notna()]
    if cells.empty:
        return Section("What a step costs", ())
    flops, rate = cells["flops_per_image"], cells["achieved_flops_per_s"]
    bottlenecks = texts_of(cells["bottleneck"], "{} bound".format)
    columns = [
        *name_columns(cells["cell_id"], summary),
        Column("FLOPs/image", "forward, backward", texts_of(flops, format_short)),
        Column("FLOP/s", "achieved", texts_of(rate, format_short)),
        Column(
            "of the peak (%)", "measured matrix product", estimate_texts(cells, "efficiency", 100)
        ),
        Column("peak memory (MB)", "one step", texts_of(cells["step_peak_bytes"] / 1e6)),
        *(Column(f"{w} (ms)", "alone", texts_of(1e3 * cells[f"{w}_bound_s"])) for w in LIMITS),
        Column("bottleneck", "", bottlenecks, is_number=False),
    ]
    notes = f"The bottleneck is {escape(BOTTLENECK_RULE)}."
    return Section("What a step costs", with_numbers(columns), notes)


def _accuracy(summary: pd.DataFrame) -> Column:
    seeds = summary["seeds"].where(summary["accuracy_mean"].notna(), 0)
    texts = accuracy_texts(summary, "accuracy")
    return _with_samples("test accuracy (%)", texts, seeds, "seed", enough=2)


def _estimates(
    heading: str, summary: pd.DataFrame, measure: str, sample: str, scale: float = 1
) -> Column:
    texts = estimate_texts(summary, measure, scale)
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


def _time_to_target(summary: pd.DataFrame, trials: pd.DataFrame, target: Target | None) -> Column:
    """Write the median time to the target and how many of the seeds reached it."""
    name = "target" if target is None else target
    column = _estimates(f"time to {name} (s)", summary, "time_to_target_s", "seed")
    known = trials[trials["time_to_target_s"].notna()]
    reached = np.isfinite(known["time_to_target_s"]).groupby(known["cell_id"]).sum()
    counts = summary["cell_id"].map(reached).fillna(0).astype(int)
    texts = [
        text if text == BLANK else f"{'missed' if text.startswith('∞') else text} ({k} of {n})"
        for text, k, n in zip(column.texts, counts, summary["time_to_target_s_n"], strict=True)
    ]
    return Column(column.heading, column.note, texts)
