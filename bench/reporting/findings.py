"""What a study found and what it could not find, in a few sentences."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.analysis.configurations import cell_labels, label_fields
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

NAMED = 6  # so many cells are named one by one


def best_findings(tables: Results, target: float | None) -> list[str]:
    """Say in markdown which cells are best."""
    summary, labels = tables.summary, display_names(tables)
    said = [
        _most_accurate(summary, labels),
        _fastest(summary, labels),
        _target_reached(tables, labels, target),
    ]
    return [sentence for sentence in said if sentence]


def run_findings(tables: Results) -> list[str]:
    """Say in markdown how much of the grid there is, and whether trials ran side by side."""
    said = [_how_it_ended(tables.summary), _side_by_side(tables.trials)]
    return [sentence for sentence in said if sentence]


def _side_by_side(trials: pd.DataFrame) -> str:
    """Say where trials ran beside each other, which tables of before can't tell."""
    jobs = trials["jobs"].dropna().max() if "jobs" in trials else np.nan
    if pd.isna(jobs) or jobs == 1:
        return ""
    return (
        f"**Side by side:** up to {int(jobs)} trials ran at once, each on cores of its own; what "
        "they say of training time includes what that costs."
    )


def not_ok(tables: Results) -> list[str]:
    """List in markdown what did not run to its end: equal reasons together, with their cells."""
    ended = []
    for noun, table, run in (
        ("trial", tables.trials, "seed"),
        ("timing block", tables.timings, "block"),
    ):
        rows = table[table["status"] != "ok"].drop_duplicates(["cell_id", run])
        ended.append(rows[["cell_id", "status", "reason"]].assign(noun=noun))
    rows = pd.concat(ended)
    rows["reason"] = rows["reason"].fillna("no reason given")
    lines = []
    for (status, reason), group in rows.groupby(["status", "reason"], sort=False):
        counts = group["noun"].value_counts(sort=False)
        runs = join_words(plural(n, str(noun)) for noun, n in counts.items())
        cells = group["cell_id"].drop_duplicates()
        which = _name_cells(tables.summary, cells)
        lines.append(f"**{status}**: {escape(truncate(str(reason)))} ({runs}: {escape(which)})")
    return lines


def _most_accurate(summary: pd.DataFrame, labels: dict[str, str]) -> str:
    known = summary[summary["accuracy_mean"].notna()]
    if known.empty:
        return ""
    best = known.nlargest(1, "accuracy_mean").iloc[0]
    low, high = best["accuracy_low"], best["accuracy_high"]
    seeds = plural(best["seeds"], "seed")
    said = (
        f"{escape(labels[best['cell_id']])} with {format_percent(best['accuracy_mean'], low, high)}"
    )
    if len(known) == 1:
        return f"**Test accuracy:** {said} ({seeds}{_exploratory(low)})."
    rivals = _rivals(known, best["cell_id"], "accuracy_mean", "accuracy_low", "accuracy_high")
    return f"**Most accurate:** {said} ({seeds}{_exploratory(low)}){rivals}."


def _fastest(summary: pd.DataFrame, labels: dict[str, str]) -> str:
    speed = speed_of(summary)
    median, low, high = (f"{speed.measure}_{part}" for part in ("median", "low", "high"))
    known = summary[summary[median].notna()]
    if known.empty:
        return ""
    best = known.nlargest(1, median).iloc[0]
    n = plural(best[f"{speed.measure}_n"], speed.sample)
    said = (
        f"{escape(labels[best['cell_id']])} with "
        f"{format_number(best[median], best[low], best[high])} images/s "
        f"({n}{_exploratory(best[low])})"
    )
    if len(known) == 1:
        return f"**Training speed:** {said}."
    return f"**Fastest:** {said}{_rivals(known, best['cell_id'], median, low, high)}."


def _exploratory(low: float) -> str:
    return ", exploratory" if np.isnan(low) else ""


def _rivals(cells: pd.DataFrame, best: str, centre: str, low: str, high: str) -> str:
    """Count the cells that reach into the best one's interval: they may be as good."""
    floor = cells.loc[cells["cell_id"] == best, low].iloc[0]
    others = cells[cells["cell_id"] != best]
    rivals = int((others[high].fillna(others[centre]) >= floor).sum())
    if rivals == 0:
        return ""
    return f"; {plural(rivals, 'other cell')} reach{'es' if rivals == 1 else ''} into its interval"


def _target_reached(tables: Results, labels: dict[str, str], target: float | None) -> str:
    times = tables.trials.dropna(subset=["time_to_target_s"])
    if times.empty or target is None:
        return ""
    reached = np.isfinite(times["time_to_target_s"]).sum()
    said = f"**Target of {format_target(target)}:** reached by {reached} of {len(times)} trials"
    soonest = tables.summary.nsmallest(1, "time_to_target_s_median").iloc[0]
    if not np.isfinite(soonest["time_to_target_s_median"]):
        return f"{said}."
    estimate = soonest[[f"time_to_target_s_{part}" for part in ("median", "low", "high")]]
    return (
        f"{said}, soonest by {escape(labels[soonest['cell_id']])} after "
        f"{format_number(*estimate)} s of training "
        f"(median over {plural(soonest['time_to_target_s_n'], 'seed')}"
        f"{_exploratory(estimate.iloc[1])})."
    )


def _how_it_ended(summary: pd.DataFrame) -> str:
    total, counts = len(summary), summary["status"].value_counts()
    if counts.get("ok", 0) == total:
        every = {1: "the cell", 2: "both cells"}.get(total, f"all {total:,} cells")
        return f"**Runs:** {every} ran to the end."
    ended = ", ".join(f"{n:,} {status}" for status, n in counts.items() if status != "ok")
    return f"**Runs:** {counts.get('ok', 0):,} of {total:,} cells ran to the end; {ended}."


def _name_cells(summary: pd.DataFrame, cell_ids: Sequence[str] | pd.Series) -> str:
    """Name cells by the one value that they and no others have, or else one by one."""
    chosen = summary["cell_id"].isin(list(cell_ids))
    if len(summary) == 1:
        return "the only cell"
    if chosen.all():
        return f"all {len(summary)} cells"
    if chosen.sum() > 1:
        for field in label_fields(summary):
            values = summary.loc[chosen, field].drop_duplicates()
            if len(values) == 1 and ((summary[field] == values.iloc[0]) == chosen).all():
                return f"the {chosen.sum()} cells with {named_value(field, values.iloc[0])}"
    labels = cell_labels(summary)
    names = [labels[cell_id] for cell_id in summary.loc[chosen, "cell_id"]]
    more = f"; and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return "; ".join(names[:NAMED]) + more
