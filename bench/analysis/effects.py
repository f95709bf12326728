"""Main effects of the axes of a full grid, and the order of the changes of an ablation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.comparisons import (
    ACCURACY,
    Comparison,
    SessionNoise,
    Sides,
    aa_log_ratios,
    block_times,
    by_seed,
    compare_accuracies_by_seed,
    compare_times_by_block,
    comparison_frame,
    times_by_block,
    trained_trials,
)
from bench.analysis.design_detection import (
    ARROW,
    Axis,
    Change,
    full_grid,
    measured_cells,
    one_at_a_time,
)

RULE = (
    "An effect is what one value of an axis changes compared with the baseline cell's value, "
    "averaged over every combination of the other axes: the mean difference in accuracy, paired "
    "by seed, and the geometric mean of the ratios of a step's time, paired by timing block"
)


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

    Accuracy: for each seed the mean over the other axes' combinations of the paired difference
    d = a(value, c) − a(baseline's value, c); the effect is the mean over seeds with Student's t
    interval, n counts seeds. Time of a step per image: for each timing block the mean over the
    combinations of log(t(value, c) / t(baseline's value, c)); the effect is exp of the median
    over blocks with its bootstrap interval, n counts blocks. A seed counts where all of its
    cells were trained, a block where none of its cells was disturbed. Columns as in
    comparisons.csv, with `effect` for cell_id; p-values are corrected for the number of effects.
    Source of the definition: Box, Hunter & Hunter (2005), Statistics for Experimenters, 5.
    """
    axes = full_grid(measured_cells(summary))
    contrasts = [contrast for axis in axes for contrast in _contrasts(axis, axes)]
    rows: list[Comparison] = []
    if contrasts:
        accuracies = by_seed(trained_trials(trials), ACCURACY)
        rows += compare_accuracies_by_seed(_contrast_means(accuracies, contrasts))
        measured = block_times(timings, blocks)
        every, clean = (
            _contrast_means(wide, contrasts, geometric=True)
            for wide in times_by_block(measured, "step")
        )
        noise = SessionNoise(aa_log_ratios(measured, "step"))
        rows += compare_times_by_block("step", every, clean, noise)
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


def _contrast_means(
    wide: pd.DataFrame, contrasts: Sequence[_Contrast], *, geometric: bool = False
) -> Sides:
    """Average both sides of each contrast over its combinations; blank where one is missing."""
    values = wide.apply(np.log) if geometric else wide

    def means(side: Mapping[str, Sequence[str]]) -> pd.DataFrame:
        columns = {
            name: values.reindex(columns=list(cell_ids)).mean(axis=1, skipna=False)
            for name, cell_ids in side.items()
        }
        frame = pd.DataFrame(columns, index=wide.index)
        return frame.apply(np.exp) if geometric else frame

    return means({c.name: c.before for c in contrasts}), means({c.name: c.after for c in contrasts})
