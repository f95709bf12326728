"""Heat maps of two axes of a full grid: how they interact."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from bench.analysis.accuracy_comparisons import trained_trials
from bench.analysis.effects import Axis, full_grid, measured_cells
from bench.analysis.results import Results
from bench.cell_names import axis_name
from bench.formatting import format_short, join_words
from bench.reporting.colours import INK
from bench.reporting.figure_style import Chart, canvas, file_name, styled, wrapped
from bench.reporting.sample_notes import speed_of
from bench.stats.estimates import Floats

MOST_AXES = 4  # of more, the pairs of the four that change accuracy most: six figures
MOST_VALUES = 12  # per axis: with more, the numbers don't fit
SIDE_BY_SIDE = 5  # up to so many columns, two maps are drawn side by side
LEAST_FACTOR = 1.5  # from lightest to darkest: smaller differences have less contrast
ROW_IN, AROUND_IN = 0.42, 0.95


@dataclass(frozen=True, eq=False)
class _Heat:
    """One measure of a pair of axes: a number per square, and its shade, darker for better.

    `values` and `shades` are (rows, columns); shades are logarithms.
    """

    name: str
    unit: str
    values: Floats
    shades: Floats
    texts: Sequence[Sequence[str]]
    colour: str


@styled
def heat_of_pairs(results: Results) -> Sequence[Chart]:
    """Draw mean accuracy and training speed over every pair of axes of a full grid."""
    cells = measured_cells(results.summary)
    has_trained = cells["cell_id"].isin(trained_trials(results.trials)["cell_id"])
    cells = cells.assign(accuracy_mean=cells["accuracy_mean"].where(has_trained))
    axes = full_grid(cells)
    chosen = _most_effective(cells, axes)
    note = "Darker is better, at equal factors of the error rate and of the speed"
    if len(axes) > 2:
        note = f"Means over every combination of the other axes. {note}"
    if len(axes) > len(chosen):
        note += f". Of {len(axes)} axes the {MOST_AXES} that change accuracy most are paired"
    charts = []
    for pair in combinations(chosen, 2):
        # The longer axis is the vertical one.
        columns, rows = sorted(pair, key=lambda a: (len(a.values), max(map(len, a.values))))
        if len(rows.values) <= MOST_VALUES:
            heats = [h for h in _heats(cells, rows, columns) if np.isfinite(h.values).any()]
            if heats:
                charts.append(_chart(heats, rows, columns, note))
    return charts


def _most_effective(cells: pd.DataFrame, axes: Sequence[Axis]) -> list[Axis]:
    """Return the axes along which mean accuracy changes most, in the order of the fields."""
    accuracy = cells["accuracy_mean"].set_axis(cells["cell_id"]).astype(float)
    means = [accuracy.groupby(axis.positions).mean() for axis in axes]
    ranges = [(mean.max() - mean.min()) if mean.notna().any() else 0 for mean in means]
    kept = sorted(range(len(axes)), key=lambda i: -ranges[i])[:MOST_AXES]
    return [axes[i] for i in sorted(kept)]


def _chart(heats: Sequence[_Heat], rows: Axis, columns: Axis, note: str) -> Chart:
    side_by_side = len(columns.values) <= SIDE_BY_SIDE
    names = [_full_name(axis) for axis in (rows, columns)]
    shape = (1, len(heats)) if side_by_side else (len(heats), 1)
    body_in = shape[0] * (AROUND_IN + ROW_IN * len(rows.values))
    figure = canvas(f"How do {names[0]} and {names[1]} interact?", note, body_in=body_in)
    for axes, heat in zip(figure.subplots(*shape, squeeze=False).flat, heats, strict=True):
        _draw(axes, heat, rows, columns)
        if side_by_side and heat is not heats[0]:
            axes.set(yticks=[], ylabel="")  # shown at the first map
    alt = f"Heat map of {join_words(h.name for h in heats)} by {names[0]} and {names[1]}"
    stem = "_".join(["heat", *(file_name(axis.fields[0]) for axis in (rows, columns))])
    best = []
    for heat in heats:
        i, j = divmod(int(np.nanargmax(heat.values)), heat.values.shape[1])
        where = f"{rows.name} {rows.values[i]}, {columns.name} {columns.values[j]}"
        best.append(f"{heat.name} ({heat.texts[i][j]}) at {where}")
    return Chart(stem, figure, alt, f"Highest on the mean: {'; '.join(best)}.")


def _heats(cells: pd.DataFrame, rows: Axis, columns: Axis) -> list[_Heat]:
    speed = speed_of(cells)
    with np.errstate(divide="ignore"):
        log_speeds = np.log(cells[f"{speed.measure}_median"].to_numpy(dtype=float))
    log_speeds = _averaged(log_speeds, rows, columns)
    speeds = np.exp(log_speeds)
    percents = 100 * _averaged(cells["accuracy_mean"].to_numpy(dtype=float), rows, columns)
    errors = 100 - percents
    least = errors[errors > 0].min(initial=100) / 2  # a perfect score has no logarithm
    log_accuracies = -np.log(np.maximum(errors, least))
    texts = [[f"{value:.2f}" for value in row] for row in percents]
    speed_texts = [[format_short(value) for value in row] for row in speeds]
    return [
        _Heat("test accuracy", "%", percents, log_accuracies, texts, "#3d8ec4"),
        _Heat("images/s", speed.clock, speeds, log_speeds, speed_texts, "#e39a2d"),
    ]


def _averaged(values: Floats, rows: Axis, columns: Axis) -> Floats:
    """Return means over the cells at every pair of axis values, (rows, columns).

    A mean is NaN unless every cell has a value; all pairs of a complete grid have equally many.
    """
    positions = [axis.positions.to_numpy() for axis in (rows, columns)]
    means = pd.Series(values).groupby(positions).agg(lambda group: group.mean(skipna=False))
    return np.asarray(means.unstack().to_numpy(dtype=float))


def _draw(axes: Axes, heat: _Heat, rows: Axis, columns: Axis) -> None:
    known = heat.shades[np.isfinite(heat.shades)]
    middle = (known.max() + known.min()) / 2
    half_range = max(known.max() - known.min(), float(np.log(LEAST_FACTOR))) / 2
    sns.heatmap(
        heat.shades,
        mask=~np.isfinite(heat.shades),
        vmin=middle - half_range,
        vmax=middle + half_range,
        cmap=sns.light_palette(heat.colour, as_cmap=True),
        annot=np.array(heat.texts),
        fmt="",
        annot_kws={"fontsize": 9.5, "color": INK},
        linewidths=1.2,
        cbar=False,
        ax=axes,
        xticklabels=[wrapped(value, 60 // len(columns.values)) for value in columns.values],
        yticklabels=[wrapped(value, 36) for value in rows.values],
    )
    axes.set_title(f"{heat.name} ({heat.unit})", fontsize=10.5)
    axes.set(xlabel=_full_name(columns), ylabel=_full_name(rows))
    axes.tick_params(axis="both", length=0, rotation=0)


def _full_name(axis: Axis) -> str:
    return axis_name(axis.fields[0]) if len(axis.fields) == 1 else axis.name
