"""A study's design, found from its cells: one change at a time, or a full grid; and its effects.

A part's parameters belong to it (`lr` and `optimizer.momentum` to the optimizer), and what changes
together is one change: another optimizer with its own learning rate is not two.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.accuracy_comparisons import (
    by_seed,
    compare_accuracies,
    looks_at,
    trained_trials,
)
from bench.analysis.comparison_table import ACCURACY, Comparison, comparison_frame
from bench.analysis.configurations import configurations, naming_fields, varying_fields
from bench.analysis.set_times import aa_log_ratios, block_times, looks_of, times_by_block
from bench.analysis.time_comparisons import SessionNoise, Sides, compare_times_by_block
from bench.cell_names import (
    differing,
    field_name,
    is_blank,
    name_by_fields,
    none_if_blank,
    owner,
    short_value,
)
from bench.cell_names import naming_fields as naming_fields_of

ARROW = " → "
LIST = ", "

Config = Mapping[str, Any]
RULE = (
    "An effect is what one value of an axis changes compared with the baseline cell's value, "
    "averaged over every combination of the other axes: the difference in mean accuracy, and the "
    "geometric mean of the ratios of a step's time, paired by timing set"
)


@dataclass(frozen=True)
class Change:
    """How one cell differs from the baseline cell.

    `part` is what was changed ("pooling"), `name` the entire change ("pooling max → none");
    `adds` means that the baseline has nothing in its place (0, off, none).
    """

    part: str
    name: str
    adds: bool = False


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of a full grid with its values as texts: numbers by size, others in their order.

    `positions` is the index of each cell's value in `values`, by cell_id.
    """

    fields: tuple[str, ...]
    name: str
    values: tuple[str, ...]
    positions: pd.Series


def measured_cells(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that were evaluated or timed; none where the baseline, the first, wasn't."""
    known = summary["accuracy_mean"].notna() | (summary["step_n"] > 0).fillna(False)
    return summary[known] if len(known) and known.iloc[0] else summary.iloc[:0]


def one_at_a_time(cells: pd.DataFrame) -> dict[str, Change]:
    """Return what each cell changes, by cell_id; empty where any changes more than one part.

    The first cell is the baseline. Also empty where a cell combines changes that other cells make
    alone, and for a full grid.
    """
    if len(cells) < 2 or full_grid(cells):
        return {}
    (_, base), *others = configurations(cells).items()
    fields = varying_fields(cells)
    changed = {cell_id: differing(cell, base, fields) for cell_id, cell in others}
    alone = {(f[0], none_if_blank(cell[f[0]])) for i, cell in others if len(f := changed[i]) == 1}
    for cell_id, cell in others:
        own = changed[cell_id]
        is_combined = len(own) > 1 and all((f, none_if_blank(cell[f])) in alone for f in own)
        if is_combined or len({owner(f) for f in own}) != 1:
            return {}
    names = _display_names(f for own in changed.values() for f in own)
    return {i: _change(base, cell, changed[i], names, dict(others)) for i, cell in others}


def full_grid(cells: pd.DataFrame) -> list[Axis]:
    """Return the axes of a complete grid, in the order of the fields; empty where there is none.

    A grid has at least two axes and a cell at every combination of their values.
    """
    fields = naming_fields(cells)
    by_owner: dict[str, list[str]] = {}
    for field in fields:
        by_owner.setdefault(owner(field), []).append(field)
    parts = [part for owned in by_owner.values() for part in _split_crossed(cells, owned)]
    named = [part[0] if len(part) == 1 else owner(part[0]) for part in parts]
    names = _display_names(named)
    axes = [_axis(cells, part, names[f]) for part, f in zip(parts, named, strict=True)]
    is_complete = prod(len(axis.values) for axis in axes) == len(cells)
    return axes if is_complete and len(axes) > 1 else []


def _split_crossed(cells: pd.DataFrame, owned: Sequence[str]) -> list[tuple[str, ...]]:
    """Split the fields of one part into separate axes if they were crossed, else into one."""
    crossed = prod(cells[field].nunique(dropna=False) for field in owned)
    is_crossed = len(cells.drop_duplicates(list(owned))) == crossed
    return [(field,) for field in owned] if is_crossed else [tuple(owned)]


def _axis(cells: pd.DataFrame, fields: tuple[str, ...], name: str) -> Axis:
    levels = cells.drop_duplicates(list(fields))[list(fields)]
    values = levels[fields[0]]
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if len(fields) == 1 and is_number and values.notna().all():
        levels = levels.sort_values(fields[0])
    keys, rows = (
        [tuple(map(none_if_blank, row)) for row in table.itertuples(index=False)]
        for table in (levels, cells[list(fields)])
    )
    positions = [keys.index(row) for row in rows]
    texts = [_level(level, fields) for level in levels.to_dict("records")]
    return Axis(fields, name, tuple(texts), pd.Series(positions, index=cells["cell_id"].to_list()))


def _level(level: Mapping[Any, Any], fields: Sequence[str]) -> str:
    (first, *others) = fields
    return name_by_fields(level, fields) if others else short_value(first, level[first])


def _change(
    base: Config,
    cell: Config,
    changed: Sequence[str],
    names: Mapping[str, str],
    cells: Mapping[str, Config],
) -> Change:
    """Describe a change: by the part's choice alone where that differs, whatever it brings along.

    Parameters are added that distinguish it from other cells with the same choice.
    """
    part = owner(changed[0])
    if part in changed:
        alike = [other for other in cells.values() if other[part] == cell[part]]
        parameters = [f for f in naming_fields_of(alike) if f != part and owner(f) == part]
        end = _level(cell, [part, *parameters])
        name = f"{names[part]} {short_value(part, base[part])}{ARROW}{end}"
        return Change(names[part], name, _is_nothing(base[part]))
    steps = [
        f"{names[f]} {short_value(f, base[f])}{ARROW}{short_value(f, cell[f])}" for f in changed
    ]
    adds = all(_is_nothing(base[f]) for f in changed)
    return Change(LIST.join(names[f] for f in changed), LIST.join(steps), adds)


def _is_nothing(value: Any) -> bool:
    return is_blank(value) or value in (0, "none")


def _display_names(fields: Iterable[str]) -> dict[str, str]:
    """Shorten field names; two that would be equal stay in full."""
    distinct = dict.fromkeys(fields)
    short = Counter(field_name(field) for field in distinct)
    return {f: field_name(f) if short[field_name(f)] == 1 else f for f in distinct}


@dataclass(frozen=True)
class _Contrast:
    """Pairs of cells that differ in one axis only, those with the baseline's value first."""

    name: str
    before: Sequence[str]
    after: Sequence[str]


def main_effects(
    summary: pd.DataFrame, trials: pd.DataFrame, timings: pd.DataFrame, blocks: pd.DataFrame
) -> pd.DataFrame:
    """Estimate the effect of every axis of a full grid and each value but the baseline cell's.

    Accuracy: the mean of the cells with the value minus that of the cells with the baseline's
    value, with intervals that hold for all effects at once; n counts seeds. Time of a step per
    image: for each timing set the mean over the combinations of
    log(t(value, c) / t(baseline's value, c)); the effect is exp of the Hodges–Lehmann estimate
    over sets with its signed-rank interval, n counts sets. A set counts where none of its cells
    was disturbed. Columns as in comparisons.csv, with `effect` for cell_id; p-values are corrected
    for the number of effects.
    Source of the definition: Box, Hunter & Hunter (2005), Statistics for Experimenters, 5.
    """
    axes = full_grid(measured_cells(summary))
    contrasts = [contrast for axis in axes for contrast in _contrasts(axis, axes)]
    rows: list[Comparison] = []
    if contrasts:
        trained = trained_trials(trials)
        accuracies = by_seed(trained, trained[ACCURACY])
        sides = {c.name: (c.before, c.after) for c in contrasts}
        rows += compare_accuracies(accuracies, sides, looks_at(trials))
        measured = block_times(timings, blocks)
        every, clean = (
            _contrast_means(wide, contrasts) for wide in times_by_block(measured, "step")
        )
        noise = SessionNoise(aa_log_ratios(measured, "step"))
        most_looks = max(looks_of(blocks).values(), default=0)
        looks = {str(name): most_looks for name in every[0].columns}
        rows += compare_times_by_block("step", every, clean, noise, looks)
    study, baseline_id = (str(summary[name].iloc[0]) for name in ("study", "cell_id"))
    return comparison_frame(study, baseline_id, rows).rename(columns={"cell_id": "effect"})


def ordered_changes(summary: pd.DataFrame, comparisons: pd.DataFrame) -> Mapping[str, Change]:
    """Return by cell_id what each compared cell of a one-at-a-time study changes.

    The change that costs most mean accuracy comes first, those without an accuracy last; where
    no accuracy was compared, the fastest. Empty for another design.
    """
    changes = one_at_a_time(measured_cells(summary))
    for measure, by in ((ACCURACY, "difference"), ("step", "ratio")):
        rows = comparisons[comparisons["measure"] == measure]
        if len(rows):
            order = rows.sort_values(by, kind="stable")["cell_id"]
            ids = dict.fromkeys([*order, *comparisons["cell_id"]])
            return {cell_id: changes[cell_id] for cell_id in ids if cell_id in changes}
    return {}


def _contrasts(axis: Axis, axes: Sequence[Axis]) -> Iterator[_Contrast]:
    others = pd.concat([other.positions for other in axes if other is not axis], axis=1)
    combinations = [tuple(row) for row in others.itertuples(index=False)]
    by_value: dict[int, dict[tuple[int, ...], str]] = {}
    for cell_id, value, combination in zip(others.index, axis.positions, combinations, strict=True):
        by_value.setdefault(value, {})[combination] = cell_id
    base = int(axis.positions.iloc[0])
    order = list(by_value[base])
    for value, text in enumerate(axis.values):
        if value != base:
            name = f"{axis.name} {axis.values[base]}{ARROW}{text}"
            sides = ([by_value[v][combination] for combination in order] for v in (base, value))
            yield _Contrast(name, *sides)


def _contrast_means(wide: pd.DataFrame, contrasts: Sequence[_Contrast]) -> Sides:
    """Average both sides of each contrast, geometrically; blank where a combination is missing."""
    logs = wide.apply(np.log)

    def means(side: Mapping[str, Sequence[str]]) -> pd.DataFrame:
        columns = {
            name: logs.reindex(columns=list(cell_ids)).mean(axis=1, skipna=False)
            for name, cell_ids in side.items()
        }
        return pd.DataFrame(columns, index=wide.index).apply(np.exp)

    return means({c.name: c.before for c in contrasts}), means({c.name: c.after for c in contrasts})
