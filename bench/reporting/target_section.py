"""The section "Time to accuracy": time to the target, and which cells surely reach it."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from bench.analysis.comparison_table import ACCURACY
from bench.analysis.results import Results
from bench.analysis.time_to_accuracy import time_to_accuracy
from bench.formatting import (
    EXPLORATORY,
    format_number,
    plural,
    plural_range,
)
from bench.reporting.columns import BLANK, Column, Section, name_columns, with_numbers
from bench.reporting.display_names import display_names
from bench.reporting.markdown_text import escape
from bench.reporting.metric_texts import Target, is_share, value_text
from bench.stats.estimates import MIN_FOR_INTERVAL

MISSED = "missed"
NO_INTERVAL = "(no interval: some seeds of both cells missed)"
FRACTION_UP_TO = 0.5  # ratios up to this are written as 1/x
NOTES = """\
The clock counts training with its data loading, not evaluation, up to the first evaluation that
reaches {level}; a seed that missed it, or failed after it started, counts as infinitely slow.
*Certified*: every seed finished, and the one-sided 95% lower bound of the mean {what} after
the last epoch (Student's t, over seeds) is at least {level}. Certification does not compare
cells."""

Row = Mapping[Any, Any]


def target_section(results: Results, target: Target | None) -> Section:
    """Return the section about the target accuracy; without columns if the study has none."""
    known = _known(results, target)
    if known.empty or target is None:
        return Section("Time to accuracy", ())
    rows = known.to_dict("records")
    seeds = plural_range(known["tried"], "seed")
    pairs = known.loc[known["train_ratio_n"] > 0, "train_ratio_n"]
    paired = f"median of {plural_range(pairs, 'pair')} by seed" if len(pairs) else ""
    time, train_time = (partial(_estimate, measure=m) for m in ("time_to_target_s", "train_s"))
    metric = "accuracy" if target.measure == ACCURACY else target.measure
    unit = " (%)" if is_share(target.measure) else ""
    time_ratio = partial(_ratio, name="time_ratio")
    columns: list[tuple[str, str, Callable[[Row], str]]] = [
        (f"training time to {target} (s)", f"median over {seeds}", time),
        ("reached by", "", _reached),
        ("training steps to it", "median", _steps),
        ("a step (ms)", "of those that reached it", _step_time),
        ("time to it over the baseline's", "of the medians", time_ratio),
        (f"mean final {metric}{unit}", "one-sided 95% lower bound", partial(_bound, target=target)),
        ("certified", "", _certified),
        ("total training time (s)", "median", train_time),
        ("total training time over the baseline's", paired, _train_ratio),
    ]
    shown = (
        Column(heading, note, list(map(write, rows)), write is not _certified)
        for heading, note, write in columns
    )
    named = with_numbers([*name_columns(known["cell_id"], results.summary), *shown])
    notes = NOTES.format(level=target.level, what=escape(target.what))
    return Section("Time to accuracy", named, notes)


def target_findings(results: Results, target: Target | None) -> list[str]:
    """Return in markdown which certified cell trains fastest, or that none is certified."""
    known = _known(results, target)
    if known.empty or target is None or known["final_mean"].isna().all():
        return []
    heading, names = f"**Certified at {target}:**", display_names(results)
    certified = known[known["certified"].fillna(False) & known["train_s_median"].notna()]
    if certified.empty:
        if known["final_lower_bound"].isna().all():
            return [f"{heading} no cell is certified; that takes three seeds or more."]
        best = known.nlargest(1, "final_lower_bound").iloc[0]
        nearest = f"{escape(names[best['cell_id']])} ({_evidence(best, target)})"
        return [f"{heading} no cell is certified. The nearest is {nearest}."]
    best = certified.nsmallest(1, "train_s_median").iloc[0]
    time = f"{format_number(best['train_s_median'])} s of training"
    evidence = f"{_against_baseline(known, best)}{_evidence(best, target)}"
    others = len(certified) - 1
    also = f"; {plural(others, 'other cell')} {'is' if others == 1 else 'are'} certified too"
    name = escape(names[best["cell_id"]])
    return [f"{heading} {name} in {time} ({evidence}){also if others else ''}."]


def ratio_in_words(ratio: float) -> str:
    """Write a small ratio as a fraction: 1/46, 1/2.3, 0.83, 1.2."""
    if not 0 < ratio <= FRACTION_UP_TO:
        return format_number(ratio)
    times = 1 / ratio
    return f"1/{times:.1f}" if times < 10 else f"1/{times:,.0f}"


def _known(results: Results, target: Target | None) -> pd.DataFrame:
    """Compare the trained cells with the target; empty if nothing was trained or measured."""
    if target is None:
        return pd.DataFrame()
    known = time_to_accuracy(results.trials, target.value, target.values(results))
    measured = known["known"].fillna(0).gt(0) | known["final_mean"].notna()
    trained = results.trials["train_s"].notna().any()
    return known if measured.any() and trained else known.iloc[:0]


def _against_baseline(known: pd.DataFrame, best: pd.Series) -> str:
    """Compare the training time with that of the baseline, which is the first cell."""
    if best["cell_id"] == known["cell_id"].iloc[0]:
        return "the baseline cell; "
    if pd.isna(best["train_ratio"]):
        return ""
    baseline_s = format_number(known["train_s_median"].iloc[0])
    pairs = plural(int(best["train_ratio_n"]), "pair")
    over = "" if best["train_ratio_n"] == best["tried"] else f" over {pairs}"
    times = "times" if best["train_ratio"] > 1 else "of"
    return f"{ratio_in_words(best['train_ratio'])} {times} the baseline's {baseline_s} s{over}; "


def _evidence(row: pd.Series, target: Target) -> str:
    mean, bound = (target.text(row[f"final_{part}"]) for part in ("mean", "lower_bound"))
    text = f"mean {mean}, lower bound {bound}, {plural(int(row['ended']), 'seed')}"
    failed = int(row["tried"] - row["ended"])
    return f"{text}, {plural(failed, 'more')} did not finish" if failed else text


def _missing(value: float) -> str:
    """Return what stands for a value that is not a finite number."""
    return BLANK if pd.isna(value) else MISSED if math.isinf(value) else ""


def _estimate(row: Row, *, measure: str) -> str:
    median, low, high = (row[f"{measure}_{part}"] for part in ("median", "low", "high"))
    text = _missing(median) or format_number(median, low, high)
    return text if _missing(median) or pd.notna(low) else f"{text} {EXPLORATORY}"


def _reached(row: Row) -> str:
    return f"{row['reached']} of {row['known']}" if row["known"] else BLANK


def _steps(row: Row) -> str:
    steps = row["steps_to_target_median"]
    return _missing(steps) or f"{steps:,.0f}"


def _step_time(row: Row) -> str:
    return BLANK if pd.isna(row["step_s_median"]) else format_number(1e3 * row["step_s_median"])


def _train_ratio(row: Row) -> str:
    """Write the ratio, with its number of pairs where the baseline lacks some seeds."""
    text, n = _ratio(row, name="train_ratio"), row["train_ratio_n"]
    return text if text == BLANK or n == row["ended"] else f"{text} (n = {n})"


def _ratio(row: Row, *, name: str) -> str:
    ratio, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if _missing(ratio):
        return _missing(ratio)
    if pd.notna(low):
        return format_number(ratio, low, high)
    too_few = row[f"{name}_n"] < MIN_FOR_INTERVAL
    return f"{format_number(ratio)} {EXPLORATORY if too_few else NO_INTERVAL}"


def _bound(row: Row, *, target: Target) -> str:
    write = partial(value_text, target.measure)
    mean, bound = (row[f"final_{part}"] for part in ("mean", "lower_bound"))
    limit = f" {EXPLORATORY}" if pd.isna(bound) else f", ≥ {write(bound)}"
    return BLANK if pd.isna(mean) else f"{write(mean)}{limit}"


def _certified(row: Row) -> str:
    """Write yes or no, or a blank with too few seeds, with the reason."""
    if failed := int(row["tried"] - row["ended"]):
        return f"no: {plural(failed, 'seed')} did not finish"
    if pd.isna(row["certified"]):
        return f"{BLANK} (fewer than 3 seeds)"
    return "yes" if row["certified"] else "no"
