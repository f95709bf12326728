"""How two axes of a full grid work together."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from bench.analysis.comparisons import trained_trials
from bench.analysis.design_detection import Axis, full_grid, measured_cells
from bench.analysis.results import Results
from bench.cell_names import axis_name
from bench.formatting import format_short, join_words
from bench.reporting.figure_style import INK, canvas, styled, wrapped
from bench.reporting.figures.figure import Chart
from bench.reporting.sample_notes import speed_of
from bench.stats.estimates import Floats

MOST_AXES = 4  # of more, the pairs of the four that move accuracy most: six figures
MOST_VALUES = 12  # a side: with more, the numbers have no room
SIDE_BY_SIDE = 5  # up to so many columns two maps stand beside each other
LEAST_FACTOR = 1.5  # from lightest to darkest: less is no contrast worth seeing
ROW_IN, AROUND_IN = 0.42, 0.95


@dataclass(frozen=True, eq=False)
class Heat:
    """One measure of a pair of axes: a number a square, and its shade, darker for better.

    `values` and `shades` are (rows, columns); shades are logarithms.
    """

    name: str
    values: Floats
    shades: Floats
    texts: Sequence[Sequence[str]]
    colour: str


@styled
def heat_of_pairs(tables: Results) -> Sequence[Chart]:
    """Draw mean accuracy and training speed over every pair of axes of a full grid."""
    cells = measured_cells(tables.summary)
    learnt = cells["cell_id"].isin(trained_trials(tables.trials)["cell_id"])
    cells = cells.assign(accuracy_mean=cells["accuracy_mean"].where(learnt))
    axes = full_grid(cells)
    chosen = _widest(cells, axes)
    note = _note(axes, len(axes) - len(chosen))
    pairs = [sorted(pair, key=_length) for pair in combinations(chosen, 2)]
    return [
        _chart(heats, rows, columns, note)
        for columns, rows in pairs
        if len(rows.values) <= MOST_VALUES and (heats := _measured(cells, rows, columns))
    ]


def _length(axis: Axis) -> tuple[int, int]:
    """Tell how much room an axis takes: the larger one goes down the side."""
    return len(axis.values), max(map(len, axis.values))


def _widest(cells: pd.DataFrame, axes: Sequence[Axis]) -> list[Axis]:
    """Take the axes along which mean accuracy moves most, in the order of the fields."""
    accuracy = cells["accuracy_mean"].set_axis(cells["cell_id"]).astype(float)
    means = [accuracy.groupby(axis.positions).mean() for axis in axes]
    moves = [float((mean.max() - mean.min()) if mean.notna().any() else 0) for mean in means]
    kept = sorted(range(len(axes)), key=lambda i: -moves[i])[:MOST_AXES]
    return [axes[i] for i in sorted(kept)]


def _note(axes: Sequence[Axis], left_out: int) -> str:
    said = "Darker is better, at equal factors of the error rate and of the speed"
    if len(axes) > 2:
        said = f"Means over every combination of the other axes. {said}"
    if left_out:
        said += f". Of {len(axes)} axes the {MOST_AXES} along which accuracy moves most are paired"
    return said


def _measured(cells: pd.DataFrame, rows: Axis, columns: Axis) -> list[Heat]:
    """Keep the measures with any number: none where nothing was trained or timed."""
    return [heat for heat in _heats(cells, rows, columns) if np.isfinite(heat.values).any()]


def _chart(heats: Sequence[Heat], rows: Axis, columns: Axis, note: str) -> Chart:
    """Draw a map of accuracy and one of speed, whichever was measured."""
    beside = len(columns.values) <= SIDE_BY_SIDE
    names = [_full_name(axis) for axis in (rows, columns)]
    figure = canvas(
        f"How do {names[0]} and {names[1]} work together?",
        note,
        body_in=(AROUND_IN + ROW_IN * len(rows.values)) * (1 if beside else len(heats)),
    )
    shape = (1, len(heats)) if beside else (len(heats), 1)
    for axes, heat in zip(figure.subplots(*shape, squeeze=False).flat, heats, strict=True):
        _draw(axes, heat, rows, columns)
        if beside and heat is not heats[0]:
            axes.set(yticks=[], ylabel="")  # they stand at the first map
    measures = join_words(heat.name.partition(" (")[0] for heat in heats)
    alt = f"Heat map of {measures} by {names[0]} and {names[1]}"
    stem = "_".join(["heat", *(_file_name(axis.fields[0]) for axis in (rows, columns))])
    return Chart(stem, figure, alt, _caption(heats, rows, columns))


def _heats(cells: pd.DataFrame, rows: Axis, columns: Axis) -> list[Heat]:
    speed = speed_of(cells)
    accuracy = cells["accuracy_mean"].to_numpy(dtype=float)
    with np.errstate(divide="ignore"):
        log_speed = np.log(cells[f"{speed.measure}_median"].to_numpy(dtype=float))
    percents = 100 * _averaged(cells, accuracy, rows, columns)
    speeds = np.exp(log := _averaged(cells, log_speed, rows, columns))
    errors = 100 - percents
    least = errors[errors > 0].min(initial=100) / 2  # a perfect score has no logarithm
    return [
        Heat(
            "test accuracy (%)",
            percents,
            -np.log(np.maximum(errors, least)),
            [[f"{value:.2f}" for value in row] for row in percents],
            "#3d8ec4",
        ),
        Heat(
            f"images/s ({speed.clock})",
            speeds,
            log,
            [[format_short(value) for value in row] for row in speeds],
            "#e39a2d",
        ),
    ]


def _averaged(cells: pd.DataFrame, values: Floats, rows: Axis, columns: Axis) -> Floats:
    """Average over the cells at every pair of values, (rows, columns); blank unless all have one.

    Every square of a complete grid has as many cells as any other.
    """
    places = [axis.positions.to_numpy() for axis in (rows, columns)]
    means = pd.Series(values).groupby(places).agg(lambda group: group.mean(skipna=False))
    table: Floats = means.unstack().to_numpy(dtype=float)
    return table


def _draw(axes: Axes, heat: Heat, rows: Axis, columns: Axis) -> None:
    known = heat.shades[np.isfinite(heat.shades)]
    middle, span = (known.max() + known.min()) / 2, known.max() - known.min()
    reach = max(span, float(np.log(LEAST_FACTOR))) / 2
    sns.heatmap(
        heat.shades,
        mask=~np.isfinite(heat.shades),
        vmin=middle - reach,
        vmax=middle + reach,
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
    axes.set_title(heat.name, fontsize=10.5)
    axes.set(xlabel=_full_name(columns), ylabel=_full_name(rows))
    axes.tick_params(axis="both", length=0)
    axes.tick_params(axis="x", rotation=0)
    axes.tick_params(axis="y", rotation=0)


def _caption(heats: Sequence[Heat], rows: Axis, columns: Axis) -> str:
    """Say where the means are highest, which is no verdict."""
    said = []
    for heat in heats:
        i, j = divmod(int(np.nanargmax(heat.values)), heat.values.shape[1])
        names = zip((rows, columns), (rows.values[i], columns.values[j]), strict=True)
        where = ", ".join(f"{axis.name} {value}" for axis, value in names)
        said.append(f"{heat.name.partition(' (')[0]} ({heat.texts[i][j]}) at {where}")
    return f"Highest on the mean: {'; '.join(said)}."


def _full_name(axis: Axis) -> str:
    return axis_name(axis.fields[0]) if len(axis.fields) == 1 else axis.name


def _file_name(field: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in field)
