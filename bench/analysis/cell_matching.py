"""Match the cells of two results folders by their configurations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.configurations import configurations
from bench.cell_names import comparable, differing, none_if_blank

Configs = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Match:
    """A cell of A, the cell of B that is compared with it, and the fields that B changed."""

    before: str
    after: str
    changed: Mapping[str, tuple[Any, Any]]


def match_cells(trials_a: pd.DataFrame, trials_b: pd.DataFrame) -> list[Match]:
    """Match the cells of two studies, in B's order.

    Equal configurations match. Of the others, two match that are equal in every field but those
    whose values A and B don't share at all: the change between the two studies. An ambiguous
    match is none.
    """
    a, b = configurations(trials_a), configurations(trials_b)
    found = {cell_id: Match(cell_id, cell_id, {}) for cell_id in b if cell_id in a}
    left_a, left_b = ({k: v for k, v in side.items() if k not in found} for side in (a, b))
    for before, after in _alike(left_a, left_b):
        old, new = left_a[before], left_b[after]
        fields = differing(old, new, list(dict.fromkeys([*old, *new])))
        changed = {
            name: (none_if_blank(old.get(name)), none_if_blank(new.get(name))) for name in fields
        }
        found[after] = Match(before, after, changed)
    return [found[cell_id] for cell_id in b if cell_id in found]


def _alike(before: Configs, after: Configs) -> Iterator[tuple[str, str]]:
    """Pair cells that agree in all fields of which the two sides share a value."""
    fields = dict.fromkeys(name for side in (before, after) for c in side.values() for name in c)
    shared = [
        name
        for name in fields
        if {comparable(c.get(name)) for c in before.values()}
        & {comparable(c.get(name)) for c in after.values()}
    ]
    by_values = [_by_values(side, shared) for side in (before, after)]
    for values, ids in by_values[1].items():
        partners = by_values[0].get(values, [])
        if len(ids) == len(partners) == 1:
            yield partners[0], ids[0]


def _by_values(cells: Configs, fields: Sequence[str]) -> dict[tuple[object, ...], list[str]]:
    found: dict[tuple[object, ...], list[str]] = {}
    for cell_id, cell in cells.items():
        found.setdefault(tuple(comparable(cell.get(name)) for name in fields), []).append(cell_id)
    return found
