"""Findings about the best cells, how runs ended, and the runs that did not finish."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from bench.analysis.configurations import name_cells, naming_fields
from bench.analysis.results import Results
from bench.cell_names import named_value
from bench.formatting import (
    format_number,
    format_percent,
    join_words,
    plural,
    truncate,
)
from bench.reporting.display_names import display_names
from bench.reporting.markdown_text import escape
from bench.reporting.metric_texts import Target
from bench.reporting.sample_notes import speed_of

MAX_NAMED = 6  # cells that are named one by one


def best_findings(results: Results, target: Target | None) -> list[str]:
    """Return in markdown which cells are most accurate, fastest, and first at the target."""
    speed = speed_of(results.summary)
    accuracy = ("accuracy_mean", "accuracy_low", "accuracy_high", "seeds")
    speeds = tuple(f"{speed.measure}_{part}" for part in ("median", "low", "high", "n"))
    findings = [
        _best(results, ("Most accurate", "Test accuracy"), accuracy, "seed", format_percent),
        _best(results, ("Fastest", "Training speed"), speeds, speed.sample, _images_per_s),
        _target_reached(results, target),
    ]
    return [finding for finding in findings if finding]


def run_findings(results: Results) -> list[str]:
    """Return in markdown how many cells finished, and whether trials ran in parallel."""
    statuses = results.summary["status"].value_counts()
    total, finished = len(results.summary), statuses.get("ok", 0)
    every = {1: "the cell", 2: "both cells"}.get(total, f"all {total:,} cells")
    others = ", ".join(f"{n:,} {status}" for status, n in statuses.items() if status != "ok")
    some = f"{finished:,} of {total:,} cells finished; {others}"
    findings = [f"**Runs:** {f'{every} finished' if finished == total else some}."]
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
    runs = ("trial", results.trials, "seed"), ("timing set", results.timings, "block")
    for noun, table, run in runs:
        rows = table[table["status"] != "ok"].drop_duplicates(["cell_id", run])
        tables.append(rows[["cell_id", "status", "reason"]].assign(noun=noun))
    unfinished = pd.concat(tables)
    unfinished["reason"] = unfinished["reason"].fillna("no reason given")
    lines = []
    for (status, reason), group in unfinished.groupby(["status", "reason"], sort=False):
        counts = group["noun"].value_counts(sort=False)
        affected = join_words(plural(n, str(noun)) for noun, n in counts.items())
        cells = escape(_name_cells(results.summary, list(group["cell_id"].unique())))
        lines.append(f"**{status}**: {escape(truncate(str(reason)))} ({affected}: {cells})")
    return lines


def _best(
    results: Results,
    headings: tuple[str, str],
    columns: Sequence[str],
    sample: str,
    write: Callable[[float, float, float], str],
) -> str:
    """Name the cell with the highest value, and count those that may be as good.

    `headings` are for the best of several cells and for a single one, `columns` the value, both
    ends of its interval, and the number of samples.
    """
    centre, low, high, n = columns
    known = results.summary[results.summary[centre].notna()]
    if known.empty:
        return ""
    best = known.nlargest(1, centre).iloc[0]
    samples = f"{plural(best[n], sample)}{_exploratory(best[low])}"
    name = escape(display_names(results)[best["cell_id"]])
    text = f"{name} with {write(best[centre], best[low], best[high])} ({samples})"
    if len(known) == 1:
        return f"**{headings[1]}:** {text}."
    others = known[known["cell_id"] != best["cell_id"]]
    rivals = int((others[high].fillna(others[centre]) >= best[low]).sum())
    if rivals:
        verb = "overlaps" if rivals == 1 else "overlap"
        text += f"; {plural(rivals, 'other cell')} {verb} its interval"
    return f"**{headings[0]}:** {text}."


def _images_per_s(value: float, low: float, high: float) -> str:
    return f"{format_number(value, low, high)} images/s"


def _exploratory(low: float) -> str:
    return ", exploratory" if np.isnan(low) else ""


def _target_reached(results: Results, target: Target | None) -> str:
    times = results.trials["time_to_target_s"].dropna()
    if times.empty or target is None:
        return ""
    reached = f"reached by {np.isfinite(times).sum()} of {len(times)} trials"
    heading = f"**Target of {target}:**"
    first = results.summary.nsmallest(1, "time_to_target_s_median").iloc[0]
    if not np.isfinite(first["time_to_target_s_median"]):
        return f"{heading} {reached}."
    median, low, high = (first[f"time_to_target_s_{part}"] for part in ("median", "low", "high"))
    seeds = plural(first["time_to_target_s_n"], "seed")
    name = escape(display_names(results)[first["cell_id"]])
    return (
        f"{heading} {reached}, first by {name} after "
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
