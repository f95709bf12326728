"""How long it takes to a target accuracy, and which cells surely end at it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.results import Results
from bench.analysis.time_to_accuracy import time_to_accuracy
from bench.formatting import (
    EXPLORATORY,
    format_number,
    format_percent,
    format_target,
    plural,
    plural_range,
)
from bench.reporting.display_names import display_names
from bench.reporting.markdown_text import escape
from bench.reporting.result_table import BLANK, Column, name_columns
from bench.stats.estimates import MIN_FOR_INTERVAL

MISSED = "missed"
NO_INTERVAL = "(no interval: misses on both sides)"
ONE_OVER = 0.5  # ratios up to this are told as one over something

Row = Mapping[Any, Any]


def target_columns(tables: Results, target: float | None) -> list[Column]:
    """Make the table of time to accuracy: one row a cell that was tried; none without a target."""
    known = _known(tables, target)
    if known.empty or target is None:
        return []
    columns = name_columns(known["cell_id"], tables.summary)
    rows = known.to_dict("records")
    seeds = plural_range(known["tried"], "seed")
    pairs = known.loc[known["train_ratio_n"] > 0, "train_ratio_n"]
    paired = f"median of {plural_range(pairs, 'pair')} by seed" if len(pairs) else ""
    told: list[tuple[str, str, Callable[[Row], str]]] = [
        (f"training time to {format_target(target)} (s)", f"median over {seeds}", _time),
        ("reached by", "", _reached),
        ("training steps to it", "median", _steps),
        ("a step (ms)", "of those that reached it", _step_time),
        ("time to it over the baseline's", "of the medians", _time_ratio),
        ("mean final accuracy (%)", "one-sided 95% lower bound", _bound),
        ("certified", "", _certified),
        ("whole training time (s)", "median", _train_time),
        ("whole training time over the baseline's", paired, _train_ratio),
    ]
    columns += [
        Column(heading, note, [say(row) for row in rows], say is not _certified)
        for heading, note, say in told
    ]
    return [c for c in columns if not c.is_number or any(text != BLANK for text in c.texts)]


def target_findings(tables: Results, target: float | None) -> list[str]:
    """Say in markdown which certified cell trains fastest, or that none is certified."""
    known = _known(tables, target)
    if known.empty or target is None or known["accuracy_mean"].isna().all():
        return []
    head = f"**Certified at {format_target(target)}:**"
    certified = known[known["certified"].fillna(False) & known["train_s_median"].notna()]
    if certified.empty:
        bounds = known["accuracy_lower_bound"]
        if bounds.isna().all():
            return [f"{head} no cell is certified; that takes three seeds or more."]
        best = known.nlargest(1, "accuracy_lower_bound").iloc[0]
        label = escape(display_names(tables)[best["cell_id"]])
        return [f"{head} no cell is certified. The nearest is {label} ({_evidence(best)})."]
    best = certified.nsmallest(1, "train_s_median").iloc[0]
    label = escape(display_names(tables)[best["cell_id"]])
    said = f"{head} {label} in {format_number(best['train_s_median'])} s of training"
    return [f"{said} ({_against_baseline(known, best)}{_evidence(best)}){_others(certified)}."]


def ratio_in_words(ratio: float) -> str:
    """Write a ratio as one reads it: 1/46, 1/2.3, 0.83, 1.2."""
    if not 0 < ratio <= ONE_OVER:
        return format_number(ratio)
    times = 1 / ratio
    return f"1/{times:.1f}" if times < 10 else f"1/{times:,.0f}"


def _known(tables: Results, target: float | None) -> pd.DataFrame:
    """Hold the tried cells against the target; nothing where a study has none."""
    if target is None:
        return pd.DataFrame()
    known = time_to_accuracy(tables.trials, target)
    measured = known["known"].fillna(0).gt(0) | known["accuracy_mean"].notna()
    trained = tables.trials.loc[tables.trials["train_s"].notna(), "cell_id"].nunique()
    return known if measured.any() and trained else known.iloc[:0]


def _against_baseline(known: pd.DataFrame, best: pd.Series) -> str:
    """Say how the training time stands to the baseline's; the first cell is the baseline."""
    if best["cell_id"] == known["cell_id"].iloc[0]:
        return "the baseline cell; "
    if pd.isna(best["train_ratio"]):
        return ""
    baseline_s = format_number(known["train_s_median"].iloc[0])
    few = plural(int(best["train_ratio_n"]), "pair")
    over = "" if best["train_ratio_n"] == best["tried"] else f" over {few}"
    times = "times" if best["train_ratio"] > 1 else "of"
    ratio = ratio_in_words(best["train_ratio"])
    return f"{ratio} {times} the baseline's {baseline_s} s{over}; "


def _evidence(row: pd.Series) -> str:
    mean, bound = (format_percent(row[f"accuracy_{part}"]) for part in ("mean", "lower_bound"))
    told = f"mean {mean}, lower bound {bound}, {plural(int(row['ended']), 'seed')}"
    broken = int(row["tried"] - row["ended"])
    return f"{told}, {plural(broken, 'more')} did not end" if broken else told


def _others(certified: pd.DataFrame) -> str:
    rest = len(certified) - 1
    if not rest:
        return ""
    return f"; {plural(rest, 'other cell')} {'is' if rest == 1 else 'are'} certified too"


def _time(row: Row) -> str:
    median = row["time_to_target_s_median"]
    if pd.isna(median):
        return BLANK
    if np.isinf(median):
        return MISSED
    text = format_number(median, row["time_to_target_s_low"], row["time_to_target_s_high"])
    return text if pd.notna(row["time_to_target_s_low"]) else f"{text} {EXPLORATORY}"


def _reached(row: Row) -> str:
    return f"{row['reached']} of {row['known']}" if row["known"] else BLANK


def _steps(row: Row) -> str:
    steps = row["steps_to_target_median"]
    if pd.isna(steps):
        return BLANK
    return MISSED if np.isinf(steps) else f"{steps:,.0f}"


def _step_time(row: Row) -> str:
    return BLANK if pd.isna(row["step_s_median"]) else format_number(1e3 * row["step_s_median"])


def _time_ratio(row: Row) -> str:
    return _ratio(row, "time_ratio")


def _train_ratio(row: Row) -> str:
    """Write the ratio, and how many pairs it is of where the baseline has not all the seeds."""
    text, n = _ratio(row, "train_ratio"), row["train_ratio_n"]
    return text if text == BLANK or n == row["ended"] else f"{text} (n = {n})"


def _ratio(row: Row, name: str) -> str:
    ratio, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if pd.isna(ratio):
        return BLANK
    if np.isinf(ratio):
        return MISSED
    if pd.notna(low):
        return format_number(ratio, low, high)
    few = row[f"{name}_n"] < MIN_FOR_INTERVAL
    return f"{format_number(ratio)} {EXPLORATORY if few else NO_INTERVAL}"


def _bound(row: Row) -> str:
    if pd.isna(row["accuracy_mean"]):
        return BLANK
    mean = format_percent(row["accuracy_mean"], unit="")
    bound = row["accuracy_lower_bound"]
    return (
        f"{mean} {EXPLORATORY}" if pd.isna(bound) else f"{mean}, ≥ {format_percent(bound, unit='')}"
    )


def _certified(row: Row) -> str:
    """Answer yes or no; with too few seeds neither, and say where a seed did not end."""
    broken = int(row["tried"] - row["ended"])
    if broken:
        return f"no: {plural(broken, 'seed')} did not run to the end"
    if pd.isna(row["certified"]):
        return f"{BLANK} (fewer than 3 seeds)"
    return "yes" if row["certified"] else "no"


def _train_time(row: Row) -> str:
    median, low, high = (row[f"train_s_{part}"] for part in ("median", "low", "high"))
    if pd.isna(median):
        return BLANK
    return (
        format_number(median, low, high)
        if pd.notna(low)
        else f"{format_number(median)} {EXPLORATORY}"
    )
