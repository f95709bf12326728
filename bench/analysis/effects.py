"""What each axis of a full grid does by itself: main effects on accuracy and on time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.accuracy_comparisons import compared_accuracies, trained
from bench.analysis.baseline_comparisons import (
    SessionNoise,
    aa_log_ratios,
    clean_blocks,
    compared_times,
)
from bench.analysis.comparison_rows import ACCURACY, Comparison, corrected, framed
from bench.analysis.design_detection import (
    ARROW,
    Axis,
    Change,
    full_grid,
    one_at_a_time,
    with_results,
)
from bench.stats.estimates import Floats

RULE = (
    "An effect is what one value of an axis does in place of the baseline cell's, averaged over "
    "every combination of the other axes: the mean difference in accuracy, paired by seed, and "
    "the geometric mean of the ratios of a step's time, paired by timing block"
)


@dataclass(frozen=True)
class _Contrast:
    """An effect's name, and its pairs of cells: alike in all but one axis, the baseline's first."""

    name: str
    before: Sequence[str]
    after: Sequence[str]


def main_effects(
    summary: pd.DataFrame, trials: pd.DataFrame, timings: pd.DataFrame, blocks: pd.DataFrame
) -> pd.DataFrame:
    """Estimate the effect of every axis of a full grid and each value but the baseline cell's.

    Accuracy: for each seed the mean over the other axes' combinations of the paired difference
    d = a(value, c) − a(baseline's value, c); the effect is the mean over seeds with Student's t
    interval, n counts seeds. Time of a step by image: for each timing block the mean over the
    combinations of log(t(value, c) / t(baseline's value, c)); the effect is exp of the median
    over blocks with its bootstrap interval, n counts blocks. A seed counts where all of its
    cells were trained, a block where none of its cells was disturbed. Columns as in
    comparisons.csv, with `effect` for cell_id; p-values are corrected for the number of effects.
    Source of the definition: Box, Hunter & Hunter (2005), Statistics for Experimenters, 5.
    """
    axes = full_grid(with_results(summary))
    contrasts = [contrast for axis in axes for contrast in _contrasts(axis, axes)]
    compared = (
        [*_accuracies(trials, contrasts), *_times(timings, blocks, contrasts)] if contrasts else []
    )
    study, baseline_id = (str(summary[name].iloc[0]) for name in ("study", "cell_id"))
    return corrected(framed(study, baseline_id, compared)).rename(columns={"cell_id": "effect"})


def ordered_changes(summary: pd.DataFrame, compared: pd.DataFrame) -> Mapping[str, Change]:
    """Say by cell_id what each compared cell of a one-at-a-time study changes.

    The change that costs most accuracy on the mean comes first, those without an accuracy last;
    where no accuracy was compared, the fastest. Empty for another design.
    """
    changes = one_at_a_time(with_results(summary))
    for measure, by in ((ACCURACY, "difference"), ("step", "ratio")):
        rows = compared[compared["measure"] == measure]
        if len(rows):
            order = rows.sort_values(by, kind="stable")["cell_id"]
            ids = dict.fromkeys([*order, *compared["cell_id"]])
            return {cell_id: changes[cell_id] for cell_id in ids if cell_id in changes}
    return {}


def _contrasts(axis: Axis, axes: Sequence[Axis]) -> Iterator[_Contrast]:
    """Pair the cells with the baseline's value with those that have another one."""
    places = pd.concat([other.places for other in axes if other is not axis], axis=1)
    combinations = [tuple(row) for row in places.itertuples(index=False)]
    by_value: dict[int, dict[tuple[int, ...], str]] = {}
    for cell_id, place, combination in zip(places.index, axis.places, combinations, strict=True):
        by_value.setdefault(place, {})[combination] = cell_id
    base = int(axis.places.iloc[0])
    order = list(by_value[base])
    for place, text in enumerate(axis.values):
        if place != base:
            name = f"{axis.name} {axis.values[base]}{ARROW}{text}"
            sides = ([by_value[p][combination] for combination in order] for p in (base, place))
            yield _Contrast(name, *sides)


def _accuracies(trials: pd.DataFrame, contrasts: Sequence[_Contrast]) -> Iterator[Comparison]:
    finished = trained(trials).drop_duplicates(["seed", "cell_id"])
    wide = finished.pivot(index="seed", columns="cell_id", values=ACCURACY).astype(float)
    for contrast in contrasts:
        means = _means(wide, contrast)
        if len(means):
            yield compared_accuracies(contrast.name, means[:, 0], means[:, 1])


def _times(
    timings: pd.DataFrame, blocks: pd.DataFrame, contrasts: Sequence[_Contrast]
) -> Iterator[Comparison]:
    """Compare geometric means: the log of their ratio is the mean of the logs of the ratios."""
    measured = clean_blocks(timings, blocks)
    noise = SessionNoise(aa_log_ratios(measured, "step"))
    known = measured[(measured["role"] == "planned") & (measured["step"] > 0)]
    known = known.drop_duplicates(["block", "cell_id"]).assign(log=np.log(known["step"]))
    every, clean = (
        rows.pivot(index="block", columns="cell_id", values="log")
        for rows in (known, known[~known["spoilt"]])
    )
    for contrast in contrasts:
        pairs, kept = (np.exp(_means(side, contrast)) for side in (every, clean))
        if len(pairs):
            yield compared_times(contrast.name, "step", pairs, kept, noise)


def _means(wide: pd.DataFrame, contrast: _Contrast) -> Floats:
    """Average both sides of a contrast over its combinations, (n, 2): rows that have them all."""
    sides = [
        wide.reindex(columns=list(cell_ids)).mean(axis=1, skipna=False)
        for cell_ids in (contrast.before, contrast.after)
    ]
    means: Floats = pd.concat(sides, axis=1).dropna().to_numpy(dtype=float)
    return means
