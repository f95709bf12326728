"""The content of a report, independent of its format."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.analysis.configurations import config_fields, name_cells, varying_fields
from bench.analysis.results import Results
from bench.cell_names import axis_name, format_value
from bench.records import ROWS
from bench.reporting.baseline_section import (
    baseline_section,
    session_findings,
    verdict_findings,
)
from bench.reporting.columns import Section
from bench.reporting.display_names import untuned_summary
from bench.reporting.effects_section import effect_findings, effects_section
from bench.reporting.figure_style import Chart
from bench.reporting.findings import best_findings, run_findings, unfinished_runs
from bench.reporting.results_section import cost_section, results_section
from bench.reporting.sentences import markdown_sentences
from bench.reporting.study_context import Context
from bench.reporting.target_section import target_findings, target_section
from bench.reporting.tuning_section import tuning_findings, tuning_section

TABLES = (*ROWS, "summary", "comparisons")
FILES = (*(f"{name}.csv" for name in TABLES), "study.yaml", "environment.json")


@dataclass(frozen=True, eq=False)
class Page:
    """A report: `findings`, `quality` and `unfinished` are markdown, other texts are plain.

    `cell_commands` are pairs of a cell's name and the command that measures it alone.
    """

    title: str
    description: str
    warning: str | None
    measured_on: str
    findings: Sequence[str]
    quality: Sequence[str]
    sections: Sequence[Section]
    unfinished: Sequence[str]
    charts: Sequence[Chart]
    conditions: Sequence[tuple[str, str]]
    constants: Sequence[str]
    commands: Sequence[str]
    cell_commands: Sequence[tuple[str, str]]
    folder: str
    files: Sequence[str]


def compose(
    results: Results,
    context: Context,
    charts: Sequence[Chart],
    *,
    results_dir: Path,
    report_dir: Path,
) -> Page:
    """Collect the content of a study's report."""
    target = context.target_accuracy
    shown_dir = _relative_to_here(results_dir)
    run = f"bench run {shlex.quote(f'{shown_dir}/study.yaml')}"
    redraw = f"bench report {shlex.quote(shown_dir)} --html  # this report from the tables alone"
    sections = [
        results_section(results, target),
        baseline_section(results),
        effects_section(results),
        target_section(results, target),
        tuning_section(results),
        cost_section(results.summary),
    ]
    return Page(
        title=str(context.study.get("name") or results.summary["study"].iloc[0]),
        description=str(context.study.get("description") or ""),
        warning=context.fallback_warning(),
        measured_on=context.one_line(),
        findings=[
            *markdown_sentences(results),
            *best_findings(results, target),
            *target_findings(results, target),
            *effect_findings(results),
            *verdict_findings(results),
            *tuning_findings(results),
        ],
        quality=[*run_findings(results), *session_findings(results)],
        sections=[section for section in sections if section.columns],
        unfinished=unfinished_runs(results),
        charts=charts,
        conditions=context.conditions(),
        constants=_constants(results.summary),
        commands=[str(context.environment.get("command") or run), redraw],
        cell_commands=[
            (name, f"{run} --only {shlex.quote(name)} --out again")
            for name in name_cells(untuned_summary(results)).values()
        ],
        folder=Path(os.path.relpath(results_dir, report_dir)).as_posix(),
        files=[name for name in FILES if (results_dir / name).is_file()],
    )


def _constants(summary: pd.DataFrame) -> list[str]:
    """List the fields that are the same in every cell, with their values."""
    varying = varying_fields(summary)
    fields = [field for field in config_fields(summary) if field not in varying]
    values = {field: summary[field].iloc[0] for field in fields}
    return [f"{axis_name(f)} {format_value(v)}" for f, v in values.items() if pd.notna(v)]


def _relative_to_here(path: Path) -> str:
    """Return a path as a user would type it in the current folder."""
    is_inside = path.resolve().is_relative_to(Path.cwd())
    return (path.resolve().relative_to(Path.cwd()) if is_inside else path).as_posix()
