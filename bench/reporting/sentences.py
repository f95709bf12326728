"""How cells compare with the baseline cell, in one sentence each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from bench.analysis.comparison_table import ACCURACY
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
from bench.reporting.baseline_section import Row, interval_of, points_of
from bench.reporting.display_names import display_names, named_apart, untuned_summary
from bench.reporting.markdown_text import escape

MAX_SENTENCES = 4  # with more compared cells, only the best get a sentence
MAX_SHARED = 3  # with more shared fields, both cells go by their full names


@dataclass(frozen=True)
class Sentence:
    """A cell's comparison with the baseline cell; `name` is empty if no cell stands out."""

    shared: str
    name: str
    text: str

    def written(self, plain: Callable[[str], str], strong: Callable[[str], str]) -> str:
        """Join the parts, with `plain` and `strong` as the markup of a page or terminal."""
        parts = [plain(self.shared), strong(self.name) if self.name else "", plain(self.text)]
        return " ".join(filter(None, parts))


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
    compared = results.comparisons["measure"].isin(["step", ACCURACY])
    for row in results.comparisons[compared].to_dict("records"):
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
    pairs = _pairs(chosen, baseline_id, results)
    return [_sentence(rows[cell_id], pair) for cell_id, pair in zip(chosen, pairs, strict=True)]


def _pairs(cell_ids: Iterable[str], baseline_id: str, results: Results) -> Iterator[_Pair]:
    """Name pairs of each cell and the baseline cell by what differs between the two."""
    names, cells = display_names(results), named_apart(untuned_summary(results))
    configs, fields = configurations(cells), naming_fields(cells)
    sizes = results.summary.set_index("cell_id")["batch_size"]  # maybe chosen by tuning
    for cell_id in cell_ids:
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
        too_many = len(different) > MOST_FIELDS or len(shared) > MAX_SHARED
        if too_many or BLANK in (name, baseline_name):
            name, baseline_name, shared = names[cell_id], names[baseline_id], []
        per_image = "" if sizes[cell_id] == sizes[baseline_id] else " per image"
        yield _Pair(name, baseline_name, f"With {join_words(shared)}," if shared else "", per_image)


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
        text = f"against {pair.baseline} is inconclusive in {speed} and in accuracy ({points})"
    else:
        parts = [_speed(row["step"], pair)] if "step" in row else []
        if ACCURACY in row:
            parts.append(_accuracy(row[ACCURACY], "" if parts else pair.baseline))
        text = " and ".join(parts)
    return Sentence(pair.shared, pair.name, f"{text}.")


def _speed(row: Row, pair: _Pair) -> str:
    ratio, (low, high) = float(row["ratio"]), interval_of(row)
    if row["verdict"] == "IMPROVED":
        ratio, low, high = 1 / ratio, 1 / high, 1 / low
    factor = format_ratio(ratio, low, high, decimals=2, unit="×")
    speed, baseline = f"speed{pair.per_image} ({_time(row)})", pair.baseline
    texts = {
        "IMPROVED": f"trains {factor} faster{pair.per_image} than {baseline}",
        "REGRESSED": f"takes {factor} as long{pair.per_image} as {baseline}",
        "EQUIVALENT": f"is as fast{pair.per_image} as {baseline} ({_time(row)})",
    }
    return texts.get(row["verdict"], f"against {baseline} is inconclusive in {speed}")


def _accuracy(row: Row, baseline: str) -> str:
    """Write a comparison of accuracies; `baseline` is empty if the sentence has named it."""
    than, equal = (f" {word} {baseline}" if baseline else "" for word in ("than", "as"))
    against = f"against {baseline} " if baseline else ""
    points, low, high = points_of(row)
    if row["verdict"] == "REGRESSED":
        points, low, high = -points, -high, -low
    amount = format_ratio(points, low, high, decimals=2)
    texts = {
        "IMPROVED": f"is {amount} points more accurate{than}",
        "REGRESSED": f"is {amount} points less accurate{than}",
        "EQUIVALENT": f"is as accurate{equal} ({_points(row)})",
    }
    return texts.get(row["verdict"], f"{against}is inconclusive in accuracy ({_points(row)})")


def _time(row: Row) -> str:
    text = format_ratio(row["ratio"], *interval_of(row), decimals=2, unit="×")
    return f"time {text.replace(f' {EXPLORATORY}', ', exploratory')}"


def _points(row: Row) -> str:
    text = f"{format_points(*points_of(row))} points"
    return f"{text}, exploratory" if pd.isna(row["low"]) else text
