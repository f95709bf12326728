"""What the cells of a study are to each other, read off the cells: one at a time, or a full grid.

A part's parameters belong to it (`lr` and `optimizer.momentum` to the optimizer), and what moves
together is one change: another optimizer with a learning rate of its own is not two.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import pandas as pd

from bench.analysis.configurations import configurations, label_fields, varying_fields
from bench.cell_names import differing, field_name, is_blank, label, owner, plain, short_value
from bench.cell_names import label_fields as fields_of_labels

ARROW = " → "
LIST = ", "

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """What one cell has otherwise than the baseline cell.

    `part` is what was changed ("pooling"), `name` says it in full ("pooling max → none");
    `adds` tells that the baseline has nothing in its place (0, off, none).
    """

    part: str
    name: str
    adds: bool = False


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of a full grid, its values as texts: numbers by size, words as they come.

    `places` tells which value each cell has (index cell_id).
    """

    fields: tuple[str, ...]
    name: str
    values: tuple[str, ...]
    places: pd.Series


def with_results(summary: pd.DataFrame) -> pd.DataFrame:
    """Keep the cells that were evaluated or timed; none where the first, the baseline, was not."""
    known = summary["accuracy_mean"].notna() | (summary["step_n"] > 0).fillna(False)
    return summary[known] if len(known) and known.iloc[0] else summary.iloc[:0]


def one_at_a_time(cells: pd.DataFrame) -> dict[str, Change]:
    """Say by cell_id what each cell changes; empty where any changes more than one part.

    The first cell is the baseline. A cell that merely combines what others change alone is no
    change of its own, and a full grid is none.
    """
    if len(cells) < 2 or full_grid(cells):
        return {}
    (_, base), *others = configurations(cells).items()
    fields = varying_fields(cells)
    changed = {cell_id: differing(cell, base, fields) for cell_id, cell in others}
    alone = {(f[0], plain(cell[f[0]])) for i, cell in others if len(f := changed[i]) == 1}
    for cell_id, cell in others:
        its = changed[cell_id]
        combined = len(its) > 1 and all((f, plain(cell[f])) in alone for f in its)
        if combined or len({owner(f) for f in its}) != 1:
            return {}
    words = _words(f for its in changed.values() for f in its)
    return {i: _change(base, cell, changed[i], words, dict(others)) for i, cell in others}


def full_grid(cells: pd.DataFrame) -> list[Axis]:
    """List the axes of a complete grid, in the order of the fields; empty where there is none.

    A grid has at least two axes and a cell at every combination of their values.
    """
    fields = label_fields(cells)
    by_owner: dict[str, list[str]] = {}
    for field in fields:
        by_owner.setdefault(owner(field), []).append(field)
    parts = [part for owned in by_owner.values() for part in _apart(cells, owned)]
    named = [part[0] if len(part) == 1 else owner(part[0]) for part in parts]
    words = _words(named)
    axes = [_axis(cells, part, words[f]) for part, f in zip(parts, named, strict=True)]
    complete = prod(len(axis.values) for axis in axes) == len(cells)
    return axes if complete and len(axes) > 1 else []


def _apart(cells: pd.DataFrame, owned: Sequence[str]) -> list[tuple[str, ...]]:
    """Take fields of one part as axes of their own if they were crossed, else as one axis."""
    crossed = prod(cells[field].nunique(dropna=False) for field in owned)
    if len(cells.drop_duplicates(list(owned))) == crossed:
        return [(field,) for field in owned]
    return [tuple(owned)]


def _axis(cells: pd.DataFrame, fields: tuple[str, ...], word: str) -> Axis:
    levels = cells.drop_duplicates(list(fields))[list(fields)]
    if len(fields) == 1 and _are_numbers(levels[fields[0]]):
        levels = levels.sort_values(fields[0])
    keys = [tuple(map(plain, row)) for row in levels.itertuples(index=False)]
    rows = cells[list(fields)].itertuples(index=False)
    places = [keys.index(tuple(map(plain, row))) for row in rows]
    texts = [_level(level, fields) for level in levels.to_dict("records")]
    return Axis(fields, word, tuple(texts), pd.Series(places, index=cells["cell_id"].to_list()))


def _level(level: Mapping[Any, Any], fields: Sequence[str]) -> str:
    return short_value(fields[0], level[fields[0]]) if len(fields) == 1 else label(level, fields)


def _change(
    base: Config,
    cell: Config,
    changed: Sequence[str],
    words: Mapping[str, str],
    cells: Mapping[str, Config],
) -> Change:
    """Name a change: by the choice alone where that differs, whatever it brings along.

    Of its parameters those are told that tell it from other cells with the same choice.
    """
    part = owner(changed[0])
    if part in changed:
        alike = [other for other in cells.values() if other[part] == cell[part]]
        told = [f for f in fields_of_labels(alike) if f != part and owner(f) == part]
        end = _level(cell, [part, *told])
        name = f"{words[part]} {short_value(part, base[part])}{ARROW}{end}"
        return Change(words[part], name, _is_nothing(base[part]))
    ends = {f: (short_value(f, base[f]), short_value(f, cell[f])) for f in changed}
    steps = (f"{words[f]} {before}{ARROW}{after}" for f, (before, after) in ends.items())
    adds = all(_is_nothing(base[f]) for f in changed)
    return Change(LIST.join(words[f] for f in changed), LIST.join(steps), adds)


def _is_nothing(value: Any) -> bool:
    """Tell whether a value says that a part is not there: 0, off, none or a blank."""
    return is_blank(value) or value in (0, "none")


def _words(fields: Iterable[str]) -> dict[str, str]:
    """Name fields for people; two of the same short name are written in full."""
    distinct = dict.fromkeys(fields)
    short = Counter(field_name(field) for field in distinct)
    return {f: field_name(f) if short[field_name(f)] == 1 else f for f in distinct}


def _are_numbers(values: pd.Series) -> bool:
    is_truth = pd.api.types.is_bool_dtype(values)
    return pd.api.types.is_numeric_dtype(values) and not is_truth and bool(values.notna().all())
