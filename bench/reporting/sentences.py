"""What cells are to the baseline cell, in sentences: how much faster, how much more accurate."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.comparison_rows import ACCURACY
from bench.analysis.configurations import configurations, label_fields
from bench.analysis.results import Results
from bench.cell_names import (
    BLANK,
    MANY_FIELDS,
    UNCHANGED,
    differing,
    is_blank,
    label,
    named_value,
)
from bench.formatting import format_points, join_words
from bench.reporting.markdown_text import escape
from bench.reporting.result_table import EXPLORATORY
from bench.reporting.spoken_names import as_asked, spoken_names, to_tell_apart

ALL_TOLD = 4  # up to so many cells, each has its sentence
ALIKE_TOLD = 3  # so many fields that two cells share are named; of more, both go by their full name

Row = Mapping[Any, Any]
Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Sentence:
    """How a cell stands to the baseline cell: in what they are alike, its name, and the rest."""

    alike: str
    name: str
    said: str

    def written(self, plain: Callable[[str], str], strong: Callable[[str], str]) -> str:
        """Put it together for a page or a reporter, each of which marks names in its own way."""
        parts = [plain(self.alike), strong(self.name) if self.name else "", plain(self.said)]
        return " ".join(part for part in parts if part)


def in_words(tables: Results) -> list[str]:
    """Say in markdown how cells stand to the baseline cell, a sentence each."""
    return [s.written(escape, lambda name: f"**{escape(name)}**") for s in sentences(tables)]


def sentences(tables: Results) -> list[Sentence]:
    """Say how cells stand to the baseline cell, a sentence each.

    Of many cells those are told that are most worth it: the fastest, the most accurate, and the
    fastest that loses no accuracy, as far as verdicts bear it out. Where none is, a sentence
    without a name says so.
    """
    rows = _by_cell(tables.comparisons)
    if not rows:
        return []
    names = spoken_names(tables)
    baseline_id = str(tables.comparisons["baseline_id"].iloc[0])
    chosen = list(rows) if len(rows) <= ALL_TOLD else _worth_telling(rows)
    if not chosen:
        named = names[baseline_id]
        than = "the baseline cell" if named == UNCHANGED else named
        none = f"No other of {len(rows) + 1} cells is faster or more accurate than {than}"
        return [Sentence("", "", f"{none} beyond what chance and noise explain.")]
    pairs = _Pairs(tables, baseline_id, names)
    return [_sentence(rows[cell_id], pairs.of(cell_id)) for cell_id in chosen]


@dataclass(frozen=True)
class _Pair:
    """A cell and the baseline cell as a sentence names them, and in what they are alike."""

    name: str
    than: str
    alike: str
    an_image: str


class _Pairs:
    """Names pairs by what differs between the two, which is less than what tells all apart."""

    def __init__(self, tables: Results, baseline_id: str, names: Mapping[str, str]) -> None:
        cells = to_tell_apart(as_asked(tables))
        self._configs = configurations(cells)
        self._fields = label_fields(cells)
        self._batch_sizes = dict(
            zip(tables.summary["cell_id"], tables.summary["batch_size"], strict=True)
        )
        self._baseline_id = baseline_id
        self._names = names

    def of(self, cell_id: str) -> _Pair:
        """Name a cell and the baseline cell."""
        cell, base = self._configs[cell_id], self._configs[self._baseline_id]
        sizes = self._batch_sizes  # which tuning may have chosen
        apart = differing(cell, base, self._fields)
        name, than = (label(config, apart) for config in (cell, base))
        alike = [
            named_value(field, cell[field])
            for field in self._fields
            if field not in apart and not is_blank(cell[field])
        ]
        if self._names[self._baseline_id] == UNCHANGED:
            alike = []  # all else is as in the base, in every cell
        if BLANK in (name, than) or len(apart) > MANY_FIELDS or len(alike) > ALIKE_TOLD:
            name, than = (self._names[i] for i in (cell_id, self._baseline_id))
            alike = []
        return _Pair(
            name,
            than,
            f"With {join_words(alike)}," if alike else "",
            "" if sizes[cell_id] == sizes[self._baseline_id] else " per image",
        )


def _sentence(row: Mapping[str, Row], pair: _Pair) -> Sentence:
    """Say a cell's speed and accuracy, each with its interval and as its verdict allows."""
    told = [row[measure] for measure in ("step", ACCURACY) if measure in row]
    if len(told) == 2 and all(one["verdict"] == "INCONCLUSIVE" for one in told):
        speed, accuracy = _known_time(row["step"]), _known_difference(row[ACCURACY])
        both = f"in speed{pair.an_image} ({speed}) or in accuracy ({accuracy})"
        said = f"can't be told from {pair.than} {both}"
    else:
        speeds = [_speed(row["step"], pair.than, pair.an_image)] if "step" in row else []
        said = " and ".join([*speeds, *_accuracy(row, pair.than)])
    return Sentence(pair.alike, pair.name, f"{said}.")


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


def _speed(row: Row, than: str, an_image: str) -> str:
    ratio, interval = float(row["ratio"]), _interval(row)
    match row["verdict"]:
        case "IMPROVED":
            speeds = interval and (1 / interval[1], 1 / interval[0])
            return f"trains {1 / ratio:.2f}× faster{an_image} than {than} ({_span(speeds)})"
        case "REGRESSED":
            return f"takes {ratio:.2f}× as long{an_image} as {than} ({_span(interval)})"
        case "EQUIVALENT":
            return f"is as fast{an_image} as {than} ({_known_time(row)})"
        case _:
            return f"can't be told from {than} in speed{an_image} ({_known_time(row)})"


def _accuracy(row: Mapping[str, Row], than: str) -> Iterator[str]:
    if ACCURACY not in row:
        return
    told, alone = row[ACCURACY], "step" not in row
    it, than_it, as_it = (than, f" than {than}", f" as {than}") if alone else ("it", "", "")
    points, ends = _points(told)
    match told["verdict"]:
        case "IMPROVED":
            yield f"is {points:.2f} points more accurate{than_it} ({_span(ends)})"
        case "REGRESSED":
            loss = ends and (-ends[1], -ends[0])
            yield f"is {-points:.2f} points less accurate{than_it} ({_span(loss)})"
        case "EQUIVALENT":
            yield f"is as accurate{as_it} ({_known_difference(told)})"
        case _:
            yield f"can't be told from {it} in accuracy ({_known_difference(told)})"


def _interval(row: Row) -> Interval:
    return (float(row["low"]), float(row["high"])) if pd.notna(row["low"]) else None


def _points(row: Row) -> tuple[float, Interval]:
    """Give a difference of accuracies and its interval, which is stored as ratios, in points."""
    interval, before = _interval(row), float(row["before"])
    ends = interval and (100 * before * (interval[0] - 1), 100 * before * (interval[1] - 1))
    return 100 * float(row["difference"]), ends


def _known_time(row: Row) -> str:
    return f"time {float(row['ratio']):.2f}×, {_span(_interval(row))}"


def _known_difference(row: Row) -> str:
    points, ends = _points(row)
    if ends is None:
        return f"{format_points(points)} points, {EXPLORATORY}"
    return f"{format_points(points)} points, {format_points(ends[0])} to {format_points(ends[1])}"


def _span(ends: Interval) -> str:
    if ends is None:
        return EXPLORATORY
    low, high = (f"{round(end, 2) + 0.0:.2f}".replace("-", "−") for end in ends)
    return f"{low}–{high}" if ends[0] >= 0 else f"{low} to {high}"
