"""Findings about the best cells, how runs ended, and the runs that did not finish."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bench.analysis.configurations import name_cells, naming_fields
from bench.analysis.results import Results
from bench.cell_names import named_value
from bench.formatting import (
    format_number,
    format_percent,
    format_target,
    join_words,
    plural,
    truncate,
)
from bench.reporting.display_names import display_names
from bench.reporting.markdown_text import escape
from bench.reporting.sample_notes import speed_of

MAX_NAMED = 6  # cells that are named one by one


def best_findings(results: Results, target: float | None) -> list[str]:
    """Return in markdown which cells are most accurate, fastest, and first at the target."""
    names = display_names(results)
    findings = [
        _most_accurate(results.summary, names),
        _fastest(results.summary, names),
        _target_reached(results, names, target),
    ]
    return [finding for finding in findings if finding]


def run_findings(results: Results) -> list[str]:
    """Return in markdown how many cells finished, and whether trials ran in parallel."""
    statuses = results.summary["status"].value_counts()
    total, finished = len(results.summary), statuses.get("ok", 0)
    if finished == total:
        every = {1: "the cell", 2: "both cells"}.get(total, f"all {total:,} cells")
        findings = [f"**Runs:** {every} finished."]
    else:
        others = ", ".join(f"{n:,} {status}" for status, n in statuses.items() if status != "ok")
        findings = [f"**Runs:** {finished:,} of {total:,} cells finished; {others}."]
    # Older tables lack the number of jobs.
    jobs = results.trials["jobs"].dropna().max() if "jobs" in results.trials else np.nan
    if pd.notna(jobs) and jobs > 1:
        findings.append(
            f"**Parallel trials:** up to {int(jobs)} trials ran at once, each on its own cores; "
            "their training times include the slowdown that this causes."
        )
    return findings


def unfinished_runs(results: Results) -> list[str]:
    """List in markdown the runs that did not finish, by reason, with their cells."""
    tables = []
    for noun, table, run in (
        ("trial", results.trials, "seed"),
        ("timing block", results.timings, "block"),
    ):
        rows = table[table["status"] != "ok"].drop_duplicates(["cell_id", run])
        tables.append(rows[["cell_id", "status", "reason"]].assign(noun=noun))
    unfinished = pd.concat(tables)
    unfinished["reason"] = unfinished["reason"].fillna("no reason given")
    lines = []
    for (status, reason), group in unfinished.groupby(["status", "reason"], sort=False):
        counts = group["noun"].value_counts(sort=False)
        runs = join_words(plural(n, str(noun)) for noun, n in counts.items())
        cells = escape(_name_cells(results.summary, list(group["cell_id"].unique())))
        lines.append(f"**{status}**: {escape(truncate(str(reason)))} ({runs}: {cells})")
    return lines


def _most_accurate(summary: pd.DataFrame, names: Mapping[str, str]) -> str:
    known = summary[summary["accuracy_mean"].notna()]
    if known.empty:
        return ""
    columns = ("accuracy_mean", "accuracy_low", "accuracy_high")
    best = known.nlargest(1, "accuracy_mean").iloc[0]
    mean, low, high = (best[column] for column in columns)
    seeds = f"{plural(best['seeds'], 'seed')}{_exploratory(low)}"
    text = f"{escape(names[best['cell_id']])} with {format_percent(mean, low, high)} ({seeds})"
    if len(known) == 1:
        return f"**Test accuracy:** {text}."
    return f"**Most accurate:** {text}{_rivals(known, best['cell_id'], *columns)}."


def _fastest(summary: pd.DataFrame, names: Mapping[str, str]) -> str:
    speed = speed_of(summary)
    columns = tuple(f"{speed.measure}_{part}" for part in ("median", "low", "high"))
    known = summary[summary[columns[0]].notna()]
    if known.empty:
        return ""
    best = known.nlargest(1, columns[0]).iloc[0]
    median, low, high = (best[column] for column in columns)
    samples = f"{plural(best[f'{speed.measure}_n'], speed.sample)}{_exploratory(low)}"
    speed_text = f"{format_number(median, low, high)} images/s"
    text = f"{escape(names[best['cell_id']])} with {speed_text} ({samples})"
    if len(known) == 1:
        return f"**Training speed:** {text}."
    return f"**Fastest:** {text}{_rivals(known, best['cell_id'], *columns)}."


def _exploratory(low: float) -> str:
    return ", exploratory" if np.isnan(low) else ""


def _rivals(cells: pd.DataFrame, best: str, centre: str, low: str, high: str) -> str:
    """Count the cells whose interval overlaps that of the best: they may be as good."""
    threshold = cells.loc[cells["cell_id"] == best, low].iloc[0]
    others = cells[cells["cell_id"] != best]
    rivals = int((others[high].fillna(others[centre]) >= threshold).sum())
    if rivals == 0:
        return ""
    verb = "overlaps" if rivals == 1 else "overlap"
    return f"; {plural(rivals, 'other cell')} {verb} its interval"


def _target_reached(results: Results, names: Mapping[str, str], target: float | None) -> str:
    times = results.trials["time_to_target_s"].dropna()
    if times.empty or target is None:
        return ""
    reached = f"reached by {np.isfinite(times).sum()} of {len(times)} trials"
    heading = f"**Target of {format_target(target)}:**"
    first = results.summary.nsmallest(1, "time_to_target_s_median").iloc[0]
    if not np.isfinite(first["time_to_target_s_median"]):
        return f"{heading} {reached}."
    median, low, high = (first[f"time_to_target_s_{part}"] for part in ("median", "low", "high"))
    seeds = plural(first["time_to_target_s_n"], "seed")
    return (
        f"{heading} {reached}, first by {escape(names[first['cell_id']])} after "
        f"{format_number(median, low, high)} s of training "
        f"(median over {seeds}{_exploratory(low)})."
    )


def _name_cells(summary: pd.DataFrame, cell_ids: Sequence[str]) -> str:
    """Describe cells by a value that only they have, or else list their names."""
    chosen = summary["cell_id"].isin(cell_ids)
    if len(summary) == 1:
        return "the only cell"
    if chosen.all():
        return f"all {len(summary)} cells"
    if chosen.sum() > 1:
        for field in naming_fields(summary):
            values = summary.loc[chosen, field].drop_duplicates()
            if len(values) == 1 and ((summary[field] == values.iloc[0]) == chosen).all():
                return f"the {chosen.sum()} cells with {named_value(field, values.iloc[0])}"
    labels = name_cells(summary)
    names = [labels[cell_id] for cell_id in summary.loc[chosen, "cell_id"]]
    more = f"; and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return "; ".join(names[:MAX_NAMED]) + more
