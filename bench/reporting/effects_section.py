"""The section "Main effects", and findings about parts of an ablation and axes of a grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.accuracy_comparisons import looks_at
from bench.analysis.comparison_table import ACCURACY
from bench.analysis.effects import RULE, Change
from bench.analysis.results import Results
from bench.formatting import ACCURACY_VERDICTS, EXPLORATORY, TIME_VERDICTS, plural
from bench.reporting.baseline_section import (
    Row,
    comparison_columns,
    difference_text,
    methods_text,
    points_of,
    ratio_text,
    step_time_name,
)
from bench.reporting.columns import Column, Section
from bench.reporting.markdown_text import escape


@dataclass(frozen=True)
class Part:
    """A part of an ablation, by the change that costs most accuracy on the mean."""

    change: Change
    row: Row

    def overlaps(self, other: "Part") -> bool:
        """Return whether the intervals overlap, or one of them is missing."""
        _, lows, highs = zip(*(points_of(part.row) for part in (self, other)), strict=True)
        return any(map(pd.isna, lows)) or max(lows) <= min(highs)


def effects_section(results: Results) -> Section:
    """Return the section with the main effects of a full grid; no columns for other designs."""
    intro = f"{escape(RULE)}. Verdicts, noise floor and *p* are as above."
    effects = results.main_effects.set_index("effect")
    is_accuracy = effects["measure"] == ACCURACY
    methods = methods_text(effects.loc[is_accuracy, "method"], looks_at(results.trials))
    names = list(dict.fromkeys(effects.index))
    columns = comparison_columns(effects, names, "effect", step_time_name(results))
    named = [Column("effect", "", names, is_number=False), *columns] if columns else []
    return Section("Main effects", named, intro=f"{intro} {methods}".strip())


def effect_findings(results: Results) -> list[str]:
    """Return in markdown which parts or axes matter most, as far as verdicts show it."""
    return [*_part_findings(results), *_axis_findings(results)]


def _part_findings(results: Results) -> list[str]:
    """Return the most and the least valuable part, and the best addition."""
    ranked = _ranked_parts(results)
    if len(ranked) < 2:
        return []
    findings = []
    parts = [part for part in ranked if not part.change.adds]
    if len(parts) > 1:
        for which, order in (("Most", parts), ("Least", parts[::-1])):
            first, *others = order
            shown = which == "Least" or first.row["verdict"] == "REGRESSED"
            on_the_mean = "" if shown and not first.overlaps(others[0]) else " on the mean"
            rivals = _rivals(first, others)
            findings.append(f"**{which} valuable part{on_the_mean}:** {_part_text(first)}{rivals}.")
    additions = [part for part in ranked if part.change.adds]
    if additions and pd.notna(additions[-1].row["low"]):
        best = additions[-1]
        on_the_mean = "" if best.row["verdict"] == "IMPROVED" else " on the mean"
        findings.append(f"**Best addition{on_the_mean}:** {_part_text(best)}.")
    return findings


def _ranked_parts(results: Results) -> list[Part]:
    """Rank the changed parts by the mean accuracy that their change costs, most first."""
    compared = results.comparisons[results.comparisons["measure"] == ACCURACY]
    rows = {str(row["cell_id"]): row for row in compared.to_dict("records")}
    costliest: dict[str, Part] = {}
    for cell_id, change in results.ordered_changes.items():
        if cell_id in rows:
            costliest.setdefault(change.part, Part(change, rows[cell_id]))
    return list(costliest.values())


def _part_text(part: Part) -> str:
    name = f"{escape(part.change.part)} ({escape(part.change.name)})"
    return f"{name}: {_points(part.row)} when changed, {ACCURACY_VERDICTS[part.row['verdict']]}"


def _points(row: Row) -> str:
    text, exploratory, _ = difference_text(row).partition(f" {EXPLORATORY}")
    return f"{text} points{exploratory}"


def _rivals(part: Part, others: Sequence[Part]) -> str:
    """Return the next part whose interval overlaps, and how many more there are."""
    alike = [other for other in others if part.overlaps(other)]
    if not alike:
        return ""
    more = f" and {plural(len(alike) - 1, 'more part')}" if len(alike) > 1 else ""
    return f"; not distinguishable from {escape(alike[0].change.part)}{more}"


def _axis_findings(results: Results) -> list[str]:
    """Return the largest main effect with a verdict, on accuracy and on time."""
    findings = []
    for measure, what in ((ACCURACY, "accuracy"), ("step", step_time_name(results))):
        effects = results.main_effects
        rows = effects[effects["measure"] == measure].to_dict("records")
        decided = [row for row in rows if row["verdict"] in ("IMPROVED", "REGRESSED")]
        if decided:
            row = max(decided, key=_size)
            is_accuracy = measure == ACCURACY
            size = _points(row) if is_accuracy else f"{ratio_text(row)} times"
            word = (ACCURACY_VERDICTS if is_accuracy else TIME_VERDICTS)[row["verdict"]]
            finding = f"**Largest main effect on {what}**: {escape(row['effect'])}, {size}, {word}."
            findings.append(finding)
        elif rows:
            limit = "0 beyond chance" if measure == ACCURACY else "1 beyond the noise floor"
            findings.append(f"**Main effects on {what}:** none differs from {limit}.")
    return findings


def _size(row: Row) -> float:
    if row["measure"] == ACCURACY:
        return float(abs(row["difference"]))
    return float(max(row["ratio"], 1 / row["ratio"]))
