"""Speed and accuracy along one axis of the grid, all else equal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from bench.analysis.configurations import naming_fields
from bench.analysis.effects import one_at_a_time
from bench.analysis.results import Results
from bench.cell_names import axis_name, name_by_fields, short_value
from bench.formatting import format_points
from bench.reporting.colours import INK, OTHER_CELLS, SOFT_INK
from bench.reporting.figure_style import Chart, canvas, file_name, styled, wrapped
from bench.reporting.figures.axis_scales import accuracy_axis, accuracy_bars, error_bars, speed_axis
from bench.reporting.figures.cell_styles import CellStyles, cell_styles_of, draw_points
from bench.reporting.sample_notes import Speed, accuracy_note, interval_note, speed_of
from bench.stats.estimates import Floats

LABELLED_LINES = 8  # up to so many lines have labels; of more, the median is drawn
LOG_FROM = 4.0  # numbers that differ by this factor are placed by their logarithm
SHIFT = 0.025  # of the distance between ticks: shifts lines, so that their bars don't overlap
LINE_IN = 0.2  # the height of a line of text
PANEL_IN, BELOW_IN = 2.6, 0.6  # the height of a panel, and the part of it below the x axis


@dataclass(frozen=True, eq=False)
class _Axis:
    """One axis of the grid: each line joins the cells that differ only in `field`.

    `cells` are the rows of summary.csv on any line, with their position on the axis in column
    `x` and their line in column `line`, an index into `names`.
    """

    field: str
    cells: pd.DataFrame
    names: Sequence[str]
    ticks: Floats
    values: Sequence[str]

    @property
    def many(self) -> bool:
        return len(self.names) > LABELLED_LINES

    @property
    def name_in(self) -> float:
        return LINE_IN * max(name.count("\n") + 1 for name in self.names)

    @property
    def panel_in(self) -> float:
        names_in = 0 if self.many else self.name_in * len(self.names)
        return max(PANEL_IN, names_in + BELOW_IN)


@styled
def along_each_axis(results: Results) -> Sequence[Chart]:
    """Draw speed and accuracy along every axis of the grid, one figure per axis.

    A single change of a one-at-a-time study is left out: another figure shows all changes.
    """
    styles = cell_styles_of(results)
    fields = naming_fields(styles.cells)
    parts = {change.part for change in one_at_a_time(styles.cells).values()}
    axes = (_axis(styles.cells, field, fields, one_of_many=len(parts) > 1) for field in fields)
    charts = (_chart(axis, styles) for axis in axes if axis is not None)
    return [chart for chart in charts if chart is not None]


def _axis(
    cells: pd.DataFrame, field: str, fields: Sequence[str], *, one_of_many: bool
) -> _Axis | None:
    """Join the cells that differ in `field` alone; a line needs two of them."""
    others = [other for other in fields if other != field]
    lines = cells.groupby(others, sort=False, dropna=False).ngroup() if others else 0
    codes = pd.factorize(cells[field], use_na_sentinel=False)[0]
    placed = cells.assign(line=lines, x=codes)
    joined = placed[placed.groupby("line")["x"].transform("nunique") > 1]
    if joined.empty or (one_of_many and joined[field].nunique(dropna=False) == 2):
        return None
    codes, values = pd.factorize(joined[field], use_na_sentinel=False)
    positions = _positions(values)
    joined = joined.assign(line=pd.factorize(joined["line"])[0], x=positions[codes])
    firsts = joined.drop_duplicates("line").to_dict("records")
    names = [wrapped(name_by_fields(row, others), 36) for row in firsts]
    order = np.argsort(positions)
    texts = [short_value(field, values[i]) for i in order]
    return _Axis(field, joined.sort_values(["line", "x"]), names, positions[order], texts)


def _positions(values: Any) -> Floats:
    """Return positions of values: numbers by rank or by logarithm, others in the given order."""
    positions = np.arange(len(values), dtype=float)
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not is_number or pd.isna(values).any():
        return positions
    numbers = np.asarray(values, dtype=float)
    if numbers.min() > 0 and numbers.max() / numbers.min() >= LOG_FROM:
        positions[:] = np.log2(numbers)
    else:
        positions[np.argsort(numbers)] = np.arange(len(numbers))
    return positions


def _chart(axis: _Axis, styles: CellStyles) -> Chart | None:
    speed, name, cells = speed_of(axis.cells), axis_name(axis.field), axis.cells
    speeds = cells[f"{speed.measure}_median"].to_numpy(dtype=float)
    percents = 100 * cells["accuracy_mean"].to_numpy(dtype=float)
    timed, scored = np.isfinite(speeds).any(), np.isfinite(percents).any()
    if not (timed or scored):
        return None
    notes = [f"Speed: {interval_note(speed, cells)}"] if timed else []
    notes += [f"Accuracy: {accuracy_note(cells)}"] if scored else []
    panels = len(notes)
    if axis.many:
        notes += ["Grey: lines of cells that differ in nothing else"]
        notes += ["Black: the median of the complete ones"]
    elif len(axis.names) > 1:
        notes += ["A line joins cells that differ in nothing else"]
    title = f"What changes with {name}, all else equal?"
    figure = canvas(title, ". ".join(notes), body_in=axis.panel_in * panels + 0.1)
    column = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
    labels = [wrapped(value, 60 // len(axis.values)) for value in axis.values]
    margin = 0.35 * np.diff(axis.ticks).min()
    for axes in column:
        axes.set_xticks(axis.ticks, labels)
        axes.set_xlim(axis.ticks[0] - margin, axis.ticks[-1] + margin)
        axes.tick_params(axis="x", labelbottom=True)
    if timed:
        bars = error_bars(cells, speed.measure)
        speed_axis(column[0], "y", np.concatenate([speeds - bars[0], speeds + bars[1]]), speed)
        _draw(column[0], axis, styles, speeds, bars)
    if scored:
        bars = accuracy_bars(cells)
        accuracy_axis(column[-1], percents, bars)
        _draw(column[-1], axis, styles, percents, bars)
    column[-1].set_xlabel(name)
    alt = f"Training speed and test accuracy by {name}; lines join cells that differ only in it"
    return Chart(f"by_{file_name(axis.field)}", figure, alt, _caption(axis, speed))


def _draw(axes: Axes, axis: _Axis, styles: CellStyles, heights: Floats, bars: Floats) -> None:
    points = axis.cells.assign(y=heights)
    if axis.many:
        starts = np.flatnonzero(points["line"].diff())[1:]
        lines = np.split(points[["x", "y"]].to_numpy(), starts)
        axes.add_collection(LineCollection(lines, colors=OTHER_CELLS, linewidths=0.8, alpha=0.5))
        complete = points.groupby("line")["x"].transform("nunique") == len(axis.ticks)
        median = points[complete].groupby("x")["y"].median()
        axes.plot(median.index, median, color=INK, marker="o", linewidth=2.4)
        return
    step = SHIFT * np.diff(axis.ticks).min()
    points["x"] += step * (points["line"] - (len(axis.names) - 1) / 2)
    for _, line in points.groupby("line"):
        axes.plot(line["x"], line["y"], color=SOFT_INK, linewidth=1.2, zorder=2)
    own = [styles.styles[cell_id] for cell_id in points["cell_id"]]
    draw_points(axes, points["x"].to_numpy(), points["y"].to_numpy(), own, y_bars=bars)
    if len(axis.names) > 1:
        known = points.dropna(subset=["y"])
        _label_lines(axes, axis, known.groupby("line")[["x", "y"]].last())


def _label_lines(axes: Axes, axis: _Axis, ends: pd.DataFrame) -> None:
    """Label each line at its right end, with the labels moved apart where they overlap."""
    gap = axis.name_in / (axis.panel_in - BELOW_IN)
    to_axes = axes.transData + axes.transAxes.inverted()
    points = to_axes.transform(ends.to_numpy(dtype=float))
    heights = _spread(points[:, 1], gap)
    for line, (x, y), height in zip(ends.index, points, heights, strict=True):
        axes.plot(
            [x + 0.012, 1.01], [y, height], color=OTHER_CELLS, linewidth=0.8,
            transform=axes.transAxes, clip_on=False,
        )  # fmt: skip
        axes.text(1.015, height, axis.names[line], va="center", size=9.5, transform=axes.transAxes)


def _spread(wanted: Floats, gap: float) -> Floats:
    """Move heights apart to a least gap between them, and keep them below the top."""
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(wanted))
    # Pushing up from below and down from above each keep the gap, so their mean does too.
    upwards = np.maximum.accumulate(wanted[order] - steps) + steps
    downwards = np.minimum.accumulate((wanted[order] - steps)[::-1])[::-1] + steps
    heights = np.minimum((upwards + downwards) / 2, 1.0 + steps - steps[-1])
    return np.asarray(heights[np.argsort(order)])


def _caption(axis: _Axis, speed: Speed) -> str:
    ends = axis.cells[axis.cells["x"].isin([axis.ticks[0], axis.ticks[-1]])]
    columns = [f"{speed.measure}_median", "accuracy_mean"]
    first, last = (ends[ends["x"] == x].set_index("line")[columns] for x in axis.ticks[[0, -1]])
    ratio = (last[columns[0]] / first[columns[0]]).dropna()
    gain = 100 * (last[columns[1]] - first[columns[1]]).dropna()
    parts = [f"{ratio.median():.2f} times the speed"] if len(ratio) else []
    if len(gain):
        parts.append(f"{format_points(gain.median())} percentage points of accuracy")
    if not parts:
        return f"No line reaches from {axis.values[0]} to {axis.values[-1]}."
    lines = max(len(ratio), len(gain))
    over = f" (median over {lines} lines)" if lines > 1 else ""
    name = axis_name(axis.field)
    return f"From {name} {axis.values[0]} to {axis.values[-1]}: {', '.join(parts)}{over}."
