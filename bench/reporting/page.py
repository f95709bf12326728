"""What the page says, before it is put into markdown."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.analysis.bottlenecks import RULE
from bench.analysis.configurations import cell_labels, config_fields, varying_fields
from bench.analysis.effects import RULE as EFFECTS_RULE
from bench.analysis.results import Results
from bench.cell_names import axis_name, format_value
from bench.formatting import format_target
from bench.reporting.baseline_section import (
    baseline_name,
    headline_columns,
    phase_columns,
    session_findings,
    verdict_findings,
)
from bench.reporting.cost_section import cost_columns
from bench.reporting.display_names import untuned_summary
from bench.reporting.effects_section import effect_columns, effect_findings
from bench.reporting.figures.figure import Chart
from bench.reporting.findings import best_findings, not_ok, run_findings
from bench.reporting.result_table import Column, open_books, result_columns
from bench.reporting.sentences import markdown_sentences
from bench.reporting.study_context import Context
from bench.reporting.target_section import target_columns, target_findings
from bench.reporting.tuning_section import tuning_columns, tuning_findings, tuning_note

FILES = (
    "trials.csv",
    "epochs.csv",
    "timings.csv",
    "blocks.csv",
    "costs.csv",
    "tuning.csv",
    "summary.csv",
    "comparisons.csv",
    "study.yaml",
    "environment.json",
)
LONG_TABLE = 40  # rows from which the table is folded


@dataclass(frozen=True, eq=False)
class Page:
    """Everything that the template prints.

    `findings`, `measured` and `not_ok` are markdown already. `alone` gives, by the name of each
    cell, the command that measures it again and no other.
    """

    title: str
    description: str
    warning: str | None
    conditions_in_short: str
    findings: Sequence[str]
    measured: Sequence[str]
    columns: Sequence[Column]
    folded: bool
    open_books: int
    baseline: str
    against: Sequence[Column]
    phases: Sequence[Column]
    by_change: bool
    effects: Sequence[Column]
    effects_rule: str
    costs: Sequence[Column]
    bottleneck_rule: str
    tuning: Sequence[Column]
    tuning_note: str
    to_target: Sequence[Column]
    target: str
    not_ok: Sequence[str]
    charts: Sequence[Chart]
    conditions: Sequence[tuple[str, str]]
    constants: Sequence[tuple[str, str]]
    command: str
    redraw: str
    alone: Sequence[tuple[str, str]]
    folder: str
    files: Sequence[str]


def compose(
    tables: Results,
    context: Context,
    charts: Sequence[Chart],
    *,
    results_dir: Path,
    report_dir: Path,
) -> Page:
    """Collect what the page says about a study."""
    summary = tables.summary
    target = context.target_accuracy
    varying = varying_fields(summary)
    effects = tables.main_effects
    same = [(field, summary[field].iloc[0]) for field in config_fields(summary)]
    found = [
        *markdown_sentences(tables),
        *best_findings(tables, target),
        *target_findings(tables, target),
        *effect_findings(tables, effects),
        *verdict_findings(tables),
        *tuning_findings(tables),
    ]
    shown_dir = _from_here(results_dir)
    again = f"bench run {shlex.quote(f'{shown_dir}/study.yaml')}"
    return Page(
        title=str(context.study.get("name") or summary["study"].iloc[0]),
        description=str(context.study.get("description") or ""),
        warning=context.fallback(),
        conditions_in_short=context.in_short(),
        findings=found,
        measured=[*run_findings(tables), *session_findings(tables)],
        columns=result_columns(tables, target),
        folded=len(summary) > LONG_TABLE,
        open_books=int(open_books(summary).sum()),
        baseline=baseline_name(tables),
        against=headline_columns(tables),
        phases=phase_columns(tables),
        by_change=bool(tables.ordered_changes),
        effects=effect_columns(effects, tables),
        effects_rule=EFFECTS_RULE,
        costs=cost_columns(summary),
        bottleneck_rule=RULE,
        tuning=tuning_columns(tables),
        tuning_note=tuning_note(tables),
        to_target=target_columns(tables, target),
        target="" if target is None else format_target(target),
        not_ok=not_ok(tables),
        charts=charts,
        conditions=context.conditions(),
        constants=[
            (axis_name(f), format_value(v)) for f, v in same if f not in varying and pd.notna(v)
        ],
        command=str(context.environment.get("command") or again),
        redraw=f"bench report {shlex.quote(shown_dir)} --html",
        alone=[
            (name, f"{again} --only {shlex.quote(name)} --out again")
            for name in cell_labels(untuned_summary(tables)).values()
        ],
        folder=Path(os.path.relpath(results_dir, report_dir)).as_posix(),
        files=[name for name in FILES if (results_dir / name).is_file()],
    )


def _from_here(path: Path) -> str:
    """Write a path as it would be typed here."""
    inside = path.resolve().is_relative_to(Path.cwd())
    return (path.resolve().relative_to(Path.cwd()) if inside else path).as_posix()
