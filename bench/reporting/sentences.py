"""How cells compare with the baseline cell, in one sentence each."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.comparisons import ACCURACY
from bench.analysis.configurations import configurations, naming_fields
from bench.analysis.results import Results
from bench.cell_names import (
    BASELINE,
    BLANK,
    MOST_FIELDS,
    differing,
    is_blank,
    name_by_fields,
    named_value,
)
from bench.formatting import EXPLORATORY, format_points, format_ratio, join_words
from bench.reporting.display_names import display_names, named_apart, untuned_summary
from bench.reporting.markdown_text import escape

MAX_SENTENCES = 4  # with more compared cells, only the best get a sentence
MAX_SHARED = 3  # with more shared fields, both cells go by their full names

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Sentence:
    """A cell's comparison with the baseline cell; `name` is empty if no cell stands out."""

    shared: str
    name: str
    text: str

    def written(self, plain: Callable[[str], str], strong: Callable[[str], str]) -> str:
        """Join the parts, with `plain` and `strong` as the markup of a page or terminal."""
        parts = [plain(self.shared), strong(self.name) if self.name else "", plain(self.text)]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class _Pair:
    """The names of a cell and the baseline cell, and the fields that they share."""

    name: str
    baseline: str
    shared: str
    per_image: str


def markdown_sentences(results: Results) -> list[str]:
    """Return the sentences of a study in markdown."""
    return [s.written(escape, lambda name: f"**{escape(name)}**") for s in sentences(results)]


def sentences(results: Results) -> list[Sentence]:
    """Return a sentence for each compared cell.

    With many cells: for the fastest, the most accurate, and the fastest without a loss of
    accuracy, as far as verdicts show it.
    """
    rows: dict[str, dict[str, Row]] = {}
    for row in results.comparisons.to_dict("records"):
        if row["measure"] in ("step", ACCURACY):
            rows.setdefault(str(row["cell_id"]), {})[str(row["measure"])] = row
    if not rows:
        return []
    baseline_id = str(results.comparisons["baseline_id"].iloc[0])
    chosen = list(rows) if len(rows) <= MAX_SENTENCES else _best_cells(rows)
    if not chosen:
        name = display_names(results)[baseline_id]
        baseline = "the baseline cell" if name == BASELINE else name
        none = f"No other of {len(rows) + 1} cells is faster or more accurate than {baseline}"
        return [Sentence("", "", f"{none} beyond chance and noise.")]
    pair_of = _pairs_with(baseline_id, results)
    return [_sentence(rows[cell_id], pair_of(cell_id)) for cell_id in chosen]


def _pairs_with(baseline_id: str, results: Results) -> Callable[[str], _Pair]:
    """Return a function that names pairs by what differs between the two."""
    names, cells = display_names(results), named_apart(untuned_summary(results))
    configs, fields = configurations(cells), naming_fields(cells)
    batch_sizes = results.summary.set_index("cell_id")["batch_size"]  # maybe chosen by tuning

    def pair(cell_id: str) -> _Pair:
        cell, baseline = configs[cell_id], configs[baseline_id]
        different = differing(cell, baseline, fields)
        name, baseline_name = (name_by_fields(config, different) for config in (cell, baseline))
        shared = [
            named_value(field, cell[field])
            for field in fields
            if field not in different and not is_blank(cell[field])
        ]
        if names[baseline_id] == BASELINE:
            shared = []  # cells are named by their change alone
        if (
            BLANK in (name, baseline_name)
            or len(different) > MOST_FIELDS
            or len(shared) > MAX_SHARED
        ):
            name, baseline_name, shared = names[cell_id], names[baseline_id], []
        same_size = batch_sizes[cell_id] == batch_sizes[baseline_id]
        return _Pair(
            name,
            baseline_name,
            f"With {join_words(shared)}," if shared else "",
            "" if same_size else " per image",
        )

    return pair


def _best_cells(rows: Mapping[str, Mapping[str, Row]]) -> list[str]:
    """Return the fastest, the most accurate, and the fastest that is not less accurate."""

    def with_verdict(measure: str, *verdicts: str) -> list[str]:
        cells = [c for c, r in rows.items() if measure in r and r[measure]["verdict"] in verdicts]
        return sorted(cells, key=lambda c: float(rows[c][measure]["ratio"]))

    faster, better = with_verdict("step", "IMPROVED"), with_verdict(ACCURACY, "IMPROVED")
    not_worse = with_verdict(ACCURACY, "IMPROVED", "EQUIVALENT")
    free = [cell for cell in faster if cell in not_worse]
    return list(dict.fromkeys([*faster[:1], *better[-1:], *free[:1]]))


def _sentence(row: Mapping[str, Row], pair: _Pair) -> Sentence:
    verdicts = [row[measure]["verdict"] for measure in ("step", ACCURACY) if measure in row]
    if verdicts == ["INCONCLUSIVE", "INCONCLUSIVE"]:
        time, points = _time(row["step"]), _points(row[ACCURACY])
        speed = f"speed{pair.per_image} ({time})"
        text = f"is inconclusive against {pair.baseline}, in {speed} and in accuracy ({points})"
    else:
        parts = [_speed(row["step"], pair)] if "step" in row else []
        if ACCURACY in row:
            parts.append(_accuracy(row[ACCURACY], "" if parts else pair.baseline))
        text = " and ".join(parts)
    return Sentence(pair.shared, pair.name, f"{text}.")


def _speed(row: Row, pair: _Pair) -> str:
    ratio, (low, high) = float(row["ratio"]), _ends(row)
    match row["verdict"]:
        case "IMPROVED":
            factor = format_ratio(1 / ratio, 1 / high, 1 / low, decimals=2, unit="×")
            return f"trains {factor} faster{pair.per_image} than {pair.baseline}"
        case "REGRESSED":
            factor = format_ratio(ratio, low, high, decimals=2, unit="×")
            return f"takes {factor} as long{pair.per_image} as {pair.baseline}"
        case "EQUIVALENT":
            return f"is as fast{pair.per_image} as {pair.baseline} ({_time(row)})"
        case _:
            speed = f"in speed{pair.per_image} ({_time(row)})"
            return f"is inconclusive against {pair.baseline} {speed}"


def _accuracy(row: Row, baseline: str) -> str:
    """Write a comparison of accuracies; `baseline` is empty if the sentence has named it."""
    than, equal, against = (
        f" {word} {baseline}" if baseline else "" for word in ("than", "as", "against")
    )
    points, ends = _difference(row)
    match row["verdict"]:
        case "IMPROVED":
            return f"is {format_ratio(points, *ends, decimals=2)} points more accurate{than}"
        case "REGRESSED":
            loss = format_ratio(-points, -ends[1], -ends[0], decimals=2)
            return f"is {loss} points less accurate{than}"
        case "EQUIVALENT":
            return f"is as accurate{equal} ({_points(row)})"
        case _:
            return f"is inconclusive{against} in accuracy ({_points(row)})"


def _difference(row: Row) -> tuple[float, tuple[float, ...]]:
    """Return a difference of accuracies and its interval in points; rows hold ratios."""
    before = float(row["before"])
    return 100 * float(row["difference"]), tuple(100 * before * (end - 1) for end in _ends(row))


def _ends(row: Row) -> tuple[float, ...]:
    return tuple(float(row[end]) if pd.notna(row[end]) else math.nan for end in ("low", "high"))


def _time(row: Row) -> str:
    text = format_ratio(float(row["ratio"]), *_ends(row), decimals=2, unit="×")
    return f"time {text.replace(f' {EXPLORATORY}', ', exploratory')}"


def _points(row: Row) -> str:
    points, ends = _difference(row)
    text = format_points(points, *ends)
    return f"{text} points, exploratory" if math.isnan(ends[0]) else f"{text} points"
