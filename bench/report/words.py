"""What cells are to the baseline cell, in sentences: how much faster, how much more accurate."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bench.analysis.cells import cell_labels
from bench.analysis.compared import ACCURACY
from bench.analysis.effects import ordered_changes
from bench.analysis.load import Tables
from bench.labels import UNCHANGED
from bench.report.tables import EXPLORATORY
from bench.report.text import escape, signed

ALL_TOLD = 4  # up to so many cells, each has its sentence

Row = Mapping[Any, Any]
Interval = tuple[float, float] | None


def in_words(tables: Tables) -> list[str]:
    """Say in markdown how cells stand to the baseline cell, a sentence each."""
    return [
        f"**{escape(name)}** {escape(said)}" if name else escape(said)
        for name, said in sentences(tables)
    ]


def sentences(tables: Tables) -> list[tuple[str, str]]:
    """Say how cells stand to the baseline cell: a cell's name, and what goes on after it.

    Of many cells those are told that are most worth it: the fastest, the most accurate, and the
    fastest that loses no accuracy, as far as verdicts bear it out. Where none is, a sentence
    without a name says so.
    """
    rows = _by_cell(tables.comparisons)
    if not rows:
        return []
    labels = cell_labels(tables.summary)
    changes = ordered_changes(tables)
    baseline = labels[str(tables.comparisons["baseline_id"].iloc[0])]
    than = "the baseline cell" if baseline == UNCHANGED else baseline
    an_image = " an image" if tables.trials["batch_size"].nunique() > 1 else ""
    names = {**labels, **{cell_id: change.name for cell_id, change in changes.items()}}
    chosen = list(rows) if len(rows) <= ALL_TOLD else _worth_telling(rows)
    if not chosen:
        none = f"No other of {len(rows) + 1} cells is faster or more accurate than {than}"
        return [("", f"{none} beyond what chance and noise explain.")]
    return [(names[cell_id], _sentence(rows[cell_id], than, an_image)) for cell_id in chosen]


def _by_cell(comparisons: pd.DataFrame) -> dict[str, dict[str, Row]]:
    """Give the comparisons of step time and accuracy of each cell, by the cell's id."""
    kept = comparisons[comparisons["measure"].isin(["step", ACCURACY])]
    rows: dict[str, dict[str, Row]] = {}
    for row in kept.to_dict("records"):
        rows.setdefault(str(row["cell_id"]), {})[str(row["measure"])] = row
    return rows


def _worth_telling(rows: Mapping[str, Mapping[str, Row]]) -> list[str]:
    """Choose the fastest, the most accurate, and the fastest that is not less accurate."""

    def among(measure: str, verdicts: Sequence[str]) -> list[str]:
        return [c for c, r in rows.items() if measure in r and r[measure]["verdict"] in verdicts]

    faster = among("step", ["IMPROVED"])
    better = among(ACCURACY, ["IMPROVED"])
    free = [c for c in faster if c in among(ACCURACY, ["IMPROVED", "EQUIVALENT"])]

    def ratio(measure: str, cells: Sequence[str]) -> list[str]:
        return sorted(cells, key=lambda c: float(rows[c][measure]["ratio"]))

    chosen = [*ratio("step", faster)[:1], *ratio(ACCURACY, better)[-1:], *ratio("step", free)[:1]]
    return list(dict.fromkeys(chosen))


def _sentence(row: Mapping[str, Row], than: str, an_image: str) -> str:
    """Say a cell's speed and accuracy, each with its interval and as its verdict allows."""
    parts = [
        *([_speed(row["step"], than, an_image)] if "step" in row else []),
        *_accuracy(row, than),
    ]
    return f"{' and '.join(parts)}."


def _speed(row: Row, than: str, an_image: str) -> str:
    ratio, interval = float(row["ratio"]), _interval(row)
    match row["verdict"]:
        case "IMPROVED":
            speeds = interval and (1 / interval[1], 1 / interval[0])
            return f"trains {1 / ratio:.2f}× faster{an_image} than {than}{_span(speeds)}"
        case "REGRESSED":
            return f"takes {ratio:.2f}× as long{an_image} as {than}{_span(interval)}"
        case "EQUIVALENT":
            return f"is as fast{an_image} as {than} (time {ratio:.2f}×{_span(interval, ', ')})"
        case _:
            known = f"time {ratio:.2f}×{_span(interval, ', ')}"
            return f"can't be told from {than} in speed ({known})"


def _accuracy(row: Mapping[str, Row], than: str) -> Iterator[str]:
    if ACCURACY not in row:
        return
    told, alone = row[ACCURACY], "step" not in row
    it, than_it, as_it = (than, f" than {than}", f" as {than}") if alone else ("it", "", "")
    points, interval, before = 100 * float(told["difference"]), _interval(told), told["before"]
    ends = interval and (100 * before * (interval[0] - 1), 100 * before * (interval[1] - 1))
    match told["verdict"]:
        case "IMPROVED":
            yield f"is {points:.2f} points more accurate{than_it}{_span(ends)}"
        case "REGRESSED":
            loss = ends and (-ends[1], -ends[0])
            yield f"is {-points:.2f} points less accurate{than_it}{_span(loss)}"
        case "EQUIVALENT":
            yield f"is as accurate{as_it} ({_difference(points, ends)})"
        case _:
            yield f"can't be told from {it} in accuracy ({_difference(points, ends)})"


def _interval(row: Row) -> Interval:
    return (float(row["low"]), float(row["high"])) if pd.notna(row["low"]) else None


def _difference(points: float, ends: Interval) -> str:
    if ends is None:
        return f"{signed(points)} points, {EXPLORATORY}"
    return f"{signed(points)} points, {signed(ends[0])} to {signed(ends[1])}"


def _span(ends: Interval, before: str = "") -> str:
    if ends is None:
        return f"{before}{EXPLORATORY}" if before else f" ({EXPLORATORY})"
    low, high = (f"{round(end, 2) + 0.0:.2f}".replace("-", "−") for end in ends)
    span = f"{low}–{high}" if ends[0] >= 0 else f"{low} to {high}"
    return f"{before}{span}" if before else f" ({span})"
