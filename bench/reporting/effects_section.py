"""What was found of single changes: the parts of a one-at-a-time study, the axes of a full grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.comparisons import ACCURACY
from bench.analysis.design_detection import Change
from bench.analysis.results import Results
from bench.formatting import ACCURACY_VERDICTS, TIME_VERDICTS, plural
from bench.reporting.baseline_section import (
    difference_text,
    headlines,
    ratio_text,
    step_time_name,
)
from bench.reporting.markdown_text import escape
from bench.reporting.result_table import Column

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Part:
    """What changing one part cost in accuracy: its costliest change on the mean."""

    change: Change
    row: Row

    def overlaps(self, other: "Part") -> bool:
        """Tell whether the intervals meet; without one, nothing sets two parts apart."""
        lows, highs = (
            [(part.row[end] - 1) * part.row["before"] for part in (self, other)]
            for end in ("low", "high")
        )
        return any(map(pd.isna, lows)) or max(lows) <= min(highs)


def effect_columns(effects: pd.DataFrame, tables: Results) -> list[Column]:
    """Make the table of main effects: accuracy and time of a step, a row an effect."""
    names = list(dict.fromkeys(effects["effect"]))
    columns = headlines(effects.set_index("effect"), names, "effect", step_time_name(tables))
    return [Column("effect", "", names, is_number=False), *columns] if columns else []


def effect_findings(tables: Results, effects: pd.DataFrame) -> list[str]:
    """Say in markdown which parts or which axes matter most, as far as verdicts bear it out."""
    return [*_of_parts(tables), *_of_axes(effects, tables)]


def _of_parts(tables: Results) -> list[str]:
    """Name the most and the least valuable part, and what is best of all that was added.

    Of fewer than two parts there is nothing to rank.
    """
    every = _parts(tables)
    parts = [part for part in every if not part.change.adds]
    if len(every) < 2:
        return []
    said = []
    if len(parts) > 1:
        most, second, *_ = parts
        *_, before, least = parts
        said += [
            f"**{_heading('Most', most, second)}:** {_told(most)}{_rivals(most, parts[1:])}",
            f"**{_heading('Least', least, before)}:** {_told(least)}"
            f"{_rivals(least, parts[-2::-1])}",
        ]
    additions = [part for part in every if part.change.adds]
    best = additions[-1] if additions else None
    if best is not None and pd.notna(best.row["low"]):
        on_the_mean = "" if best.row["verdict"] == "IMPROVED" else " on the mean"
        said.append(f"**Best addition{on_the_mean}:** {_told(best)}")
    return [f"{sentence}." for sentence in said]


def _parts(tables: Results) -> list[Part]:
    """Rank what was changed by the mean accuracy that is lost by it, most first."""
    changes = tables.ordered_changes
    compared = tables.comparisons[tables.comparisons["measure"] == ACCURACY]
    rows = {str(row["cell_id"]): row for row in compared.to_dict("records")}
    costliest: dict[str, Part] = {}
    for cell_id, change in changes.items():
        if cell_id in rows:
            costliest.setdefault(change.part, Part(change, rows[cell_id]))
    return list(costliest.values())


def _heading(which: str, part: Part, next_one: Part) -> str:
    """Claim a rank only where a verdict and the intervals bear it out."""
    worth = part.row["verdict"] == "REGRESSED" or which == "Least"
    claimed = worth and not part.overlaps(next_one)
    return f"{which} valuable part" if claimed else f"{which} valuable part on the mean"


def _told(part: Part) -> str:
    said = f"{escape(part.change.part)} ({escape(part.change.name)}): {_points(part.row)}"
    return f"{said} when changed, {ACCURACY_VERDICTS[part.row['verdict']]}"


def _points(row: Row) -> str:
    difference, _, interval = difference_text(row).partition(" ")
    return f"{difference} points {interval}".rstrip()


def _rivals(part: Part, others: list[Part]) -> str:
    """Name the next part that cannot be told from this one, and count the further ones."""
    alike = [other for other in others if part.overlaps(other)]
    if not alike:
        return ""
    more = f" and {plural(len(alike) - 1, 'more part')}" if len(alike) > 1 else ""
    return f"; can't be told from {escape(alike[0].change.part)}{more}"


def _of_axes(effects: pd.DataFrame, tables: Results) -> list[str]:
    """Name the largest main effect that has a verdict, on accuracy and on time."""
    said = []
    for measure, what in ((ACCURACY, "accuracy"), ("step", step_time_name(tables))):
        rows = effects[effects["measure"] == measure].to_dict("records")
        shown = [row for row in rows if row["verdict"] in ("IMPROVED", "REGRESSED")]
        if shown:
            row = max(shown, key=_size)
            is_accuracy = measure == ACCURACY
            told = _points(row) if is_accuracy else f"{ratio_text(row)} times"
            word = (ACCURACY_VERDICTS if is_accuracy else TIME_VERDICTS)[row["verdict"]]
            said.append(
                f"**Largest main effect on {what}**, by the means: {escape(row['effect'])}, "
                f"{told}, {word}."
            )
        elif rows:
            said.append(f"**Main effects on {what}:** none is shown beyond the noise floor.")
    return said


def _size(row: Row) -> float:
    if row["measure"] == ACCURACY:
        return float(abs(row["difference"]))
    return float(max(row["ratio"], 1 / row["ratio"]))
