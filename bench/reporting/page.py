"""The content of a report, independent of its format, and the context of its study."""

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from bench.analysis.configurations import config_fields, name_cells, varying_fields
from bench.analysis.results import Results
from bench.analysis.table_files import read_mapping
from bench.cell_names import SEPARATOR, axis_name, format_value
from bench.formatting import format_bytes, plural
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
from bench.reporting.images_section import images_section
from bench.reporting.metric_texts import Target
from bench.reporting.metrics_section import metrics_findings, metrics_section
from bench.reporting.results_section import cost_section, results_section
from bench.reporting.sentences import markdown_sentences
from bench.reporting.target_section import target_findings, target_section
from bench.reporting.tuning_section import tuning_findings, tuning_section
from bench.study.choice import MetricChoice

TABLES = (*ROWS, "summary", "comparisons")
FILES = (*(f"{name}.csv" for name in TABLES), "study.yaml", "environment.json")
_NAMES: Mapping[str, str] = {
    "cpu": "CPU",
    "cores": "CPU cores",
    "gpus": "GPU",
    "os": "operating system",
    "started_at": "started",
    "finished_at": "finished",
}


@dataclass(frozen=True)
class Context:
    """The content of study.yaml and environment.json; both may be missing or partial."""

    study: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> Target | None:
        """Return the study's target."""
        accuracy, other = self.study.get("target_accuracy"), self.study.get("target")
        if isinstance(accuracy, int | float):
            return Target(float(accuracy))
        metric, value = (other or {}).get("metric"), (other or {}).get("at_least")
        if not isinstance(metric, Mapping) or not isinstance(value, int | float):
            return None
        try:
            label = MetricChoice.model_validate(metric).label
        except ValueError:  # its module may be elsewhere
            label = str(metric.get("import") or metric.get("name")).rpartition(":")[2]
        return Target(float(value), label)

    def fallback_warning(self) -> str | None:
        """Return a warning if another dataset was used than the study requested."""
        data = self._part("data")
        requested, used = data.get("requested"), data.get("used")
        if not requested or not used or requested == used:
            return None
        why = f" ({data['why']})" if data.get("why") else ""
        return f"These numbers are from {used}, not from {requested}{why}."

    def one_line(self) -> str:
        """Return data, hardware, torch version and day in one line."""
        machine, torch = self._part("machine"), self._part("software").get("torch")
        cores, cpu, gpus = (machine.get(key) for key in ("cores", "cpu", "gpus"))
        parts = [
            self._part("data").get("used"),
            f"{plural(cores, 'core')} of {cpu}" if cores and cpu else None,
            _format_value("", gpus) if gpus else None,
            f"torch {torch}" if torch else None,
            str(self.environment.get("started_at") or "")[:10],
        ]
        return SEPARATOR.join(str(part) for part in parts if part)

    def conditions(self) -> list[tuple[str, str]]:
        """Return machine, software, data and times as (name, value)."""
        known = {
            **self._part("machine"),
            **self._part("software"),
            "data set": str(self._part("data").get("used") or ""),
            **{key: self.environment.get(key) for key in ("commit", "started_at", "finished_at")},
        }
        rows = ((_name(key), _format_value(key, value)) for key, value in known.items())
        return [(name, value) for name, value in rows if value]

    def _part(self, name: str) -> Mapping[str, Any]:
        part = self.environment.get(name)
        return part if isinstance(part, Mapping) else {}


def read_context(results_dir: Path) -> Context:
    """Read study.yaml and environment.json where they exist.

    Raises StoreError for a file that holds no mapping.
    """
    return Context(
        study=read_mapping(results_dir / "study.yaml", yaml.safe_load),
        environment=read_mapping(results_dir / "environment.json", json.loads),
    )


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
    target = context.target
    here, resolved = Path.cwd(), results_dir.resolve()
    is_inside = resolved.is_relative_to(here)
    shown_dir = (resolved.relative_to(here) if is_inside else results_dir).as_posix()
    run = f"bench run {shlex.quote(f'{shown_dir}/study.yaml')}"
    redraw = f"bench report {shlex.quote(shown_dir)} --html  # this report from the tables alone"
    sections = [
        results_section(results, target),
        baseline_section(results),
        metrics_section(results),
        effects_section(results),
        target_section(results, target),
        images_section(results),
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
            *metrics_findings(results),
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


def _name(key: str) -> str:
    return _NAMES.get(key, key.removesuffix("_bytes").replace("_", " "))


def _format_value(key: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key.endswith("_bytes") and isinstance(value, int | float):
        return format_bytes(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{_name(k)} {_format_value(k, v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_format_value("", item) for item in value) or "none"
    return str(value)
