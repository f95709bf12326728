"""The section "Against the baseline cell", and findings about verdicts and noise."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.accuracy_comparisons import looks_at
from bench.analysis.comparison_table import ACCURACY
from bench.analysis.disturbances import describe_disturbances
from bench.analysis.results import Results
from bench.analysis.set_times import ONE_STRETCH, timing_protocol
from bench.analysis.time_comparisons import session_noise
from bench.cell_names import BASELINE, is_blank
from bench.formatting import (
    ACCURACY_VERDICTS,
    EXPLORATORY,
    TIME_VERDICTS,
    format_number,
    format_p,
    format_share,
    plural,
    plural_range,
)
from bench.records import PHASES
from bench.reporting.columns import BLANK, Column, Section, name_columns
from bench.reporting.display_names import display_names, named_apart
from bench.reporting.markdown_text import escape, mark_verdict
from bench.reporting.metric_texts import change_text, is_share
from bench.stats.rank_tests import holm, least_p

SIGNIFICANT = 0.05
NOTES = """\
A ratio above 1 is slower. *Faster*, *slower*: the interval lies entirely beyond the noise floor,
which is what the baseline cell shows against itself in this session, at least 0.5%; *better*,
*worse*: the interval, which holds for all rows at once, excludes 0; *equivalent*: neither, and the
interval of a ratio lies within 3% of 1, that of the row's accuracy alone within 0.2 points of 0;
*inconclusive*: none of these. *Detects* is the smallest change that would be found four times in
five. *p* is a second opinion: Wilcoxon's signed-rank test of times, Mann and Whitney's test of
accuracies, corrected after Holm for the number of rows, left blank where so few sets or seeds could
not reach 0.05. Intervals of times are not corrected for the number of rows."""
NOTES_WITHOUT_TIMES = """\
*Better*, *worse*: the interval of the difference, which holds for all rows at once, excludes 0;
*equivalent*: neither, and the row's interval alone lies within 0.2 points of 0; *inconclusive*:
none of these. *Detects* is the smallest difference that would be found four times in five. *p*,
where it is given, is a second opinion: Mann and Whitney's test, corrected after Holm for the number
of rows."""
METHODS = {
    "Dunnett": "Dunnett's, with a variance in proportion to p (1 − p) that is pooled over the "
    "cells, or that of the two compared where it is larger",
    "Welch": "Welch's, with the variance of the compared cells alone",
    "paired": "paired by seed, because seeds matter here (F test, p < 0.01)",
    "identical": "none needed, the accuracies agree in every seed",
}

Row = Mapping[Any, Any]


def baseline_section(results: Results) -> Section:
    """Return the section that compares every cell with the baseline cell."""
    cells, names = named_cells(results)
    noun = "change" if results.ordered_changes else "cell"
    compared = results.comparisons.set_index("cell_id")
    columns = comparison_columns(compared, cells, noun, step_time_name(results))
    phases = [
        _column(cells, rows, phase, lambda row: f"{ratio_text(row)} {_verdict_word(row)}")
        for phase in PHASES
        if phase != "step" and len(rows := _rows(results, phase))
    ]
    baseline = baseline_name(results)
    is_timed = len(_rows(results, "step")) > 0
    intro = f"Every cell against {baseline}{', times paired by timing set' if is_timed else ''}."
    if results.ordered_changes:
        paired = " Times are paired by timing set." if is_timed else ""
        intro = (
            f"Each row is one change to {baseline}, all else equal, ordered by the mean accuracy "
            f"that it costs, most first.{paired}"
        )
    methods = methods_text(_rows(results, ACCURACY)["method"], looks_at(results.trials))
    return Section(
        "Against the baseline cell",
        without_blank_rows(names, columns),
        NOTES if is_timed else NOTES_WITHOUT_TIMES,
        intro=f"{intro} {methods}".strip(),
        details=without_blank_rows(names, phases),
        details_title="Every other phase: ratio of times and verdict",
    )


def methods_text(methods: pd.Series, looks: int) -> str:
    """Describe how the intervals of accuracies were made, the most frequent way first."""
    counts = methods.dropna().value_counts()
    if counts.empty:
        return ""
    ways = [METHODS[str(method)] for method in counts.index]
    if len(ways) > 1:
        ways = [f"{way} ({n} of {counts.sum()})" for way, n in zip(ways, counts, strict=True)]
    text = f"Intervals of accuracies: {'; '.join(ways)}."
    if looks < 2:
        return text
    return f"{text} Seeds were added until they decided: the intervals hold for {looks} looks."


def baseline_name(results: Results) -> str:
    """Return the baseline cell's name in markdown."""
    label = display_names(results)[results.summary["cell_id"].iloc[0]]
    return "the baseline cell" if label == BASELINE else f"**{escape(label)}**, the baseline cell"


def comparison_columns(
    compared: pd.DataFrame, keys: Sequence[str], noun: str, step_time: str
) -> list[Column]:
    """Return the columns of accuracy and step time, a row for each key.

    `compared` has the columns of comparisons.csv and the keys as index; `noun` is what a row is.
    """
    columns = []
    for measure, heading, sample, write in (
        (ACCURACY, "test accuracy, difference (points)", "seed", difference_text),
        ("step", f"{step_time}, ratio", "timing set", ratio_text),
    ):
        rows = compared[compared["measure"] == measure]
        if len(rows):
            samples = plural_range(rows["n"], sample)
            columns += measure_columns(rows, keys, noun, (heading, samples), write)
    return [column for column in columns if any(text != BLANK for text in column.texts)]


def measure_columns(
    rows: pd.DataFrame,
    keys: Sequence[str],
    noun: str,
    heading: tuple[str, str],
    write: Callable[[Row], str],
) -> list[Column]:
    """Return the columns of one measure: difference, verdict, what is detected, and p.

    `rows` have the keys as index; `heading` is that of the difference, with a note below it.
    """
    # The least p that a row could have had, corrected as p itself is.
    is_paired = rows["measure"].iloc[0] in PHASES
    least = np.array([least_p(int(n), is_paired=is_paired) for n in rows["n"]])
    rows = rows.assign(least_p=holm(least))
    floors = {_floor(row) for row in rows.to_dict("records")} if is_paired else set()
    common_floor = f"noise floor {min(floors)}" if len(floors) == 1 else ""
    verdicts = _column(keys, rows, "verdict", _verdict, common_floor)
    return [
        _column(keys, rows, heading[0], write, heading[1]),
        replace(verdicts, is_number=False, is_verdict=True),
        *([_column(keys, rows, "noise floor", _floor)] if len(floors) > 1 else []),
        _column(keys, rows, "detects", _detects),
        _column(keys, rows, "p (Holm)", _p, f"rank test, over {plural(len(rows), noun)}"),
    ]


def verdict_findings(results: Results) -> list[str]:
    """Count the verdicts in markdown."""
    findings = []
    for measure, what, words in (
        ("step", step_time_name(results).capitalize(), TIME_VERDICTS),
        (ACCURACY, "Accuracy", ACCURACY_VERDICTS),
    ):
        counts = _rows(results, measure)["verdict"].map(dict(words)).value_counts()
        if len(counts):
            listed = ", ".join(f"{counts[w]} {w}" for w in words.values() if w in counts)
            findings.append(f"**{what}** against {baseline_name(results)}: {listed}.")
    return findings


def session_findings(results: Results) -> list[str]:
    """Describe the timing protocol, noise, disturbances, outliers and extra sets in markdown."""
    findings = _protocol_findings(results)
    noise = session_noise(results.comparisons)
    if noise is not None and noise.detects is None:
        is_disturbed = _rows(results, "step")["left_out"].sum() > 0
        why = "too many timing sets were disturbed" if is_disturbed else "too few timing sets"
        findings.append(f"**Noise of the session:** unknown, {why} (exploratory).")
    elif noise is not None and noise.detects is not None:
        findings.append(
            f"**Noise of the session:** floor {format_share(noise.floor)} of a step's time (the "
            f"baseline cell against itself); {plural(noise.n, 'timing set')} detect changes from "
            f"{format_share(noise.detects)}."
        )
    left_out = int(_rows(results, "step")["left_out"].sum())
    if moved := describe_disturbances(results.blocks):
        pairs = f"; {plural(left_out, 'pair')} left out" if left_out else ""
        findings.append(f"**Machine disturbances:** {escape(moved)}{pairs}.")
    outlying, timed = (int(results.summary[c].sum()) for c in ("outlying_blocks", "step_n"))
    if outlying:
        findings.append(
            f"**Outliers:** {outlying} of {plural(timed, 'timed process', 'timed processes')} "
            "outside Tukey's fences of their cell; kept: medians are robust to them."
        )
    extra = results.blocks[results.blocks["role"] == "extra"]
    if len(extra):
        findings.append(
            f"**Extra timing sets:** {len(extra)}, {format_number(extra['wall_s'].sum())} s, "
            "where intervals were wide. They narrow medians; verdicts do not use them."
        )
    return findings


def _protocol_findings(results: Results) -> list[str]:
    """Describe how the times were measured; nothing where there are none."""
    protocol = timing_protocol(results.timings, results.blocks)
    if protocol == ONE_STRETCH:
        return [
            "**Timing protocol:** timed by the earlier protocol, each cell's rounds in one "
            "stretch; what changed the machine's speed in between is part of the ratios."
        ]
    rounds = _counted_steps(results.timings)
    if rounds.empty:
        return []
    sets = plural_range(rounds.groupby("cell_id")["block"].nunique(), "timing set")
    turns = plural_range(rounds.groupby(["cell_id", "block"]).size(), "round")
    return [
        f"**Timing protocol:** {sets} of {turns} for every cell; the processes of a set take turns "
        "step by step, so that what slows the machine down slows all of them."
    ]


def _counted_steps(timings: pd.DataFrame) -> pd.DataFrame:
    """Return the timed steps of every cell, without the A/A control and warm-up."""
    is_warmup = timings["is_warmup"].astype("boolean").fillna(True).astype(bool)
    is_step = (timings["phase"] == "step").fillna(False) & (timings["role"] == "planned")
    return timings[is_step.astype(bool) & ~is_warmup & timings["seconds"].notna()]


def step_time_name(results: Results) -> str:
    """Return what is compared of a step: its time, per image where batch sizes differ."""
    one_size = results.trials["batch_size"].nunique() == 1
    return "time of a step" if one_size else "time of a step per image"


def ratio_text(row: Row) -> str:
    """Write a ratio with its interval."""
    text = format_number(row["ratio"], row["low"], row["high"])
    return text if pd.notna(row["low"]) else f"{text} {EXPLORATORY}"


def points_of(row: Row) -> tuple[float, float, float]:
    """Return a difference of accuracies in points, and its interval, NaN without one."""
    value, low, high = difference_of(row)
    return 100 * value, 100 * low, 100 * high


def difference_of(row: Row) -> tuple[float, float, float]:
    """Return a difference of accuracies or of another metric, and its interval, NaN without one."""
    ends = (row[f"difference_{end}"] for end in ("low", "high"))
    low, high = (math.nan if is_blank(end) else float(end) for end in ends)
    return float(row["difference"]), low, high


def interval_of(row: Row) -> tuple[float, float]:
    """Return the interval of a ratio, NaN without one."""
    low, high = (math.nan if is_blank(row[end]) else float(row[end]) for end in ("low", "high"))
    return low, high


def difference_text(row: Row) -> str:
    """Write a difference of accuracies, in points, or of another metric, with its interval."""
    text = change_text(row["measure"], *difference_of(row))
    return f"{text} {EXPLORATORY}" if pd.isna(row["difference_low"]) else text


def _rows(results: Results, measure: str) -> pd.DataFrame:
    rows = results.comparisons[results.comparisons["measure"] == measure]
    return rows.set_index("cell_id")


def _column(
    keys: Sequence[str],
    rows: pd.DataFrame,
    heading: str,
    write: Callable[[Row], str],
    note: str = "",
) -> Column:
    """Write a text for every key, a blank for those without a comparison."""
    texts = {key: write(row) for key, row in zip(rows.index, rows.to_dict("records"), strict=True)}
    return Column(heading, note, [texts.get(key, BLANK) for key in keys])


def named_cells(results: Results) -> tuple[list[str], list[Column]]:
    """Return the cells to compare, and the columns that name them.

    Those of a one-at-a-time study are named by what they change.
    """
    changes = results.ordered_changes
    if changes:
        names = [change.name for change in changes.values()]
        return list(changes), [Column("change", "", names, is_number=False)]
    cell_ids = list(named_apart(results.summary)["cell_id"])
    return cell_ids, name_columns(cell_ids, results.summary)


def without_blank_rows(names: Sequence[Column], columns: Sequence[Column]) -> list[Column]:
    """Return names and columns, without the rows that have no comparison."""
    if not columns:
        return []
    rows = zip(*(column.texts for column in columns), strict=True)
    kept = [any(text != BLANK for text in row) for row in rows]
    return [
        replace(c, texts=[t for t, k in zip(c.texts, kept, strict=True) if k])
        for c in (*names, *columns)
    ]


def _verdict(row: Row) -> str:
    """Write a verdict, and how many more samples would decide an inconclusive one."""
    word = _verdict_word(row)
    if row["verdict"] != "INCONCLUSIVE" or pd.isna(row["further"]):
        return word
    sample = "set" if row["measure"] in PHASES else "seed"
    return f"{word} ({plural(int(row['further']), f'more {sample}')})"


def _verdict_word(row: Row) -> str:
    words = TIME_VERDICTS if row["measure"] in PHASES else ACCURACY_VERDICTS
    return mark_verdict(row["verdict"], words[row["verdict"]])


def _p(row: Row) -> str:
    """Write p of the rank test; a blank where no result could have reached 0.05."""
    if pd.isna(row["p_value"]) or row["least_p"] > SIGNIFICANT:
        return BLANK
    return format_p(row["p_value"])


def _size(row: Row, *, column: str) -> str:
    """Write a relative size in the unit of the measure."""
    if pd.isna(row[column]):
        return BLANK
    if row["measure"] in PHASES:
        return format_share(row[column])
    size = row[column] * (abs(row["before"]) or 1.0)
    return f"{100 * size:.2f} points" if is_share(row["measure"]) else format_number(size)


_floor, _detects = partial(_size, column="floor"), partial(_size, column="mde")
