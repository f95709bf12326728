"""What one axis of the grid changes, all else equal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from bench.analysis.configurations import label_fields
from bench.analysis.design_detection import one_at_a_time
from bench.analysis.results import Results
from bench.cell_names import axis_name, label, short_value
from bench.formatting import format_points
from bench.reporting.figure_style import INK, OTHERS, SOFT_INK, canvas, styled, wrapped
from bench.reporting.figures.axis_scales import (
    accuracy_axis,
    accuracy_errors,
    speed_axis,
    speed_errors,
)
from bench.reporting.figures.cell_points import draw_points
from bench.reporting.figures.cell_styles import CellStyles, cell_styles_of
from bench.reporting.figures.figure import Chart
from bench.reporting.sample_notes import Speed, accuracy_note, interval_note, speed_of
from bench.stats.estimates import Floats

NAMED_LINES = 8  # up to so many lines carry their names; of more, the median is drawn
LOG_FROM = 4.0  # numbers that differ by this factor stand at equal factors
SHIFT = 0.025  # of the distance between ticks: lines side by side do not hide their bars
LINE_IN = 0.2  # the height of a line of text: names do not touch
PANEL_IN, BELOW_IN = 2.6, 0.6  # the height of a panel, and what of it the x axis takes


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of the grid: a line holds the cells that differ in nothing but `field`.

    `cells` are the rows of summary.csv on any line, with their place on the axis in column `x`
    and their line in column `line`, an index into `names`.
    """

    field: str
    cells: pd.DataFrame
    names: Sequence[str]
    places: Floats
    values: Sequence[str]

    @property
    def many(self) -> bool:
        """Tell whether there are more lines than names have room."""
        return len(self.names) > NAMED_LINES

    @property
    def name_in(self) -> float:
        """Tell the height of the tallest name."""
        return LINE_IN * max(name.count("\n") + 1 for name in self.names)

    @property
    def panel_in(self) -> float:
        """Tell the height of a panel in which the names of all lines have room."""
        names_in = 0 if self.many else self.name_in * len(self.names)
        return max(PANEL_IN, names_in + BELOW_IN)


@styled
def along_each_axis(tables: Results) -> Sequence[Chart]:
    """Draw speed and accuracy along every axis of the grid, a figure an axis.

    Left out is one change of many: it stands beside the others in their own figure.
    """
    styles = cell_styles_of(tables)
    fields = label_fields(styles.cells)
    parts = {change.part for change in one_at_a_time(styles.cells).values()}
    axes = [
        _axis(styles.cells, field, [f for f in fields if f != field], one_of_many=len(parts) > 1)
        for field in fields
    ]
    charts = [_chart(axis, styles) for axis in axes if axis is not None]
    return [chart for chart in charts if chart is not None]


def _axis(
    cells: pd.DataFrame, field: str, others: Sequence[str], *, one_of_many: bool
) -> Axis | None:
    """Join the cells that differ in `field` alone; a line needs two of them."""
    lines = cells.groupby(list(others), sort=False, dropna=False).ngroup() if others else 0
    codes = pd.factorize(cells[field], use_na_sentinel=False)[0]
    placed = cells.assign(line=lines, x=codes)
    joined = placed[placed.groupby("line")["x"].transform("nunique") > 1]
    if joined.empty or (one_of_many and joined[field].nunique(dropna=False) == 2):
        return None
    codes, values = pd.factorize(joined[field], use_na_sentinel=False)
    places = _places(values)
    joined = joined.assign(line=pd.factorize(joined["line"])[0], x=places[codes])
    firsts = joined.drop_duplicates("line").to_dict("records")
    names = [wrapped(label(row, others), 36) for row in firsts]
    ticks = np.argsort(places)
    texts = [short_value(field, values[i]) for i in ticks]
    return Axis(field, joined.sort_values(["line", "x"]), names, places[ticks], texts)


def _places(values: Any) -> Floats:
    """Place the values of a field: numbers by size, far ones by their logarithm, words in turn."""
    places = np.arange(len(values), dtype=float)
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not is_number or pd.isna(values).any():
        return places
    numbers = np.asarray(values, dtype=float)
    places[np.argsort(numbers)] = np.arange(len(numbers))
    if numbers.min() > 0 and numbers.max() / numbers.min() >= LOG_FROM:
        places[:] = np.log2(numbers)
    return places


def _chart(axis: Axis, styles: CellStyles) -> Chart | None:
    """Draw a panel for speed and one for accuracy, whichever was measured."""
    speed, name = speed_of(axis.cells), axis_name(axis.field)
    panels = {}
    if axis.cells[f"{speed.measure}_median"].notna().any():
        panels[f"Speed: {interval_note(speed, axis.cells)}"] = _draw_speed
    if axis.cells["accuracy_mean"].notna().any():
        panels[f"Accuracy: {accuracy_note(axis.cells)}"] = _draw_accuracy
    if not panels:
        return None
    notes = list(panels)
    if axis.many:
        notes += ["Grey: lines of cells that differ in nothing else"]
        notes += ["Black: the median of the complete ones"]
    elif len(axis.names) > 1:
        notes += ["A line joins cells that differ in nothing else"]
    title = f"What changes with {name}, all else equal?"
    figure = canvas(title, ". ".join(notes), body_in=axis.panel_in * len(panels) + 0.1)
    column = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, draw in zip(column, panels.values(), strict=True):
        draw(axes, axis, styles)
    column[-1].set_xlabel(name)
    alt = f"Training speed and test accuracy by {name}; lines join cells alike in all else"
    return Chart(f"by_{_file_name(axis.field)}", figure, alt, _caption(axis, speed))


def _draw_speed(axes: Axes, axis: Axis, styles: CellStyles) -> None:
    speed = speed_of(axis.cells)
    medians = axis.cells[f"{speed.measure}_median"].to_numpy(dtype=float)
    bars = speed_errors(axis.cells, speed)
    _place_ticks(axes, axis)
    speed_axis(axes, "y", np.concatenate([medians - bars[0], medians + bars[1]]), speed)
    _draw(axes, axis, styles, medians, bars)


def _draw_accuracy(axes: Axes, axis: Axis, styles: CellStyles) -> None:
    percents = 100 * axis.cells["accuracy_mean"].to_numpy(dtype=float)
    bars = accuracy_errors(axis.cells)
    _place_ticks(axes, axis)
    accuracy_axis(axes, percents, bars)
    _draw(axes, axis, styles, percents, bars)


def _place_ticks(axes: Axes, axis: Axis) -> None:
    axes.set_xticks(axis.places, [wrapped(value, 60 // len(axis.values)) for value in axis.values])
    margin = 0.35 * np.diff(axis.places).min()
    axes.set_xlim(axis.places[0] - margin, axis.places[-1] + margin)
    axes.tick_params(axis="x", labelbottom=True)


def _draw(axes: Axes, axis: Axis, styles: CellStyles, heights: Floats, bars: Floats) -> None:
    """Draw the lines with their cells; of many lines, faint ones and their median."""
    points = axis.cells.assign(y=heights)
    if axis.many:
        starts = np.flatnonzero(points["line"].diff())[1:]
        lines = np.split(points[["x", "y"]].to_numpy(), starts)
        axes.add_collection(LineCollection(lines, colors=OTHERS, linewidths=0.8, alpha=0.5))
        complete = points.groupby("line")["x"].transform("nunique") == len(axis.places)
        median = points[complete].groupby("x")["y"].median()
        axes.plot(median.index, median, color=INK, marker="o", linewidth=2.4)
        return
    step = SHIFT * np.diff(axis.places).min()
    points["x"] += step * (points["line"] - (len(axis.names) - 1) / 2)
    for _, line in points.groupby("line"):
        axes.plot(line["x"], line["y"], color=SOFT_INK, linewidth=1.2, zorder=2)
    cells = [styles.styles[cell_id] for cell_id in points["cell_id"]]
    draw_points(axes, points["x"].to_numpy(), points["y"].to_numpy(), cells, y_bars=bars)
    if len(axis.names) > 1:
        known = points.dropna(subset=["y"])
        _name_lines(axes, axis, known.groupby("line")[["x", "y"]].last())


def _name_lines(axes: Axes, axis: Axis, ends: pd.DataFrame) -> None:
    """Write each line's name at its right end, moved apart where names would touch."""
    gap = axis.name_in / (axis.panel_in - BELOW_IN)
    to_axes = axes.transData + axes.transAxes.inverted()
    points = to_axes.transform(ends.to_numpy(dtype=float))
    for line, (x, y), height in zip(ends.index, points, _spread(points[:, 1], gap), strict=True):
        axes.plot(
            [x + 0.012, 1.01],
            [y, height],
            color=OTHERS,
            linewidth=0.8,
            transform=axes.transAxes,
            clip_on=False,
        )
        axes.text(1.015, height, axis.names[line], va="center", size=9.5, transform=axes.transAxes)


def _spread(wanted: Floats, gap: float) -> Floats:
    """Move heights apart to the least gap between them, and keep them below the top."""
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(wanted))
    # Pushing up from below and down from above each keep the gap, so their mean does too.
    upwards = np.maximum.accumulate(wanted[order] - steps) + steps
    downwards = np.minimum.accumulate((wanted[order] - steps)[::-1])[::-1] + steps
    heights = (upwards + downwards) / 2
    spread: Floats = np.empty_like(heights)
    spread[order] = np.minimum(heights, 1.0 + steps - steps[-1])
    return spread


def _file_name(field: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in field)


def _caption(axis: Axis, speed: Speed) -> str:
    """Say what the way from the first value to the last does to the median line."""
    ends = axis.cells[axis.cells["x"].isin([axis.places[0], axis.places[-1]])]
    columns = [f"{speed.measure}_median", "accuracy_mean"]
    first, last = (ends[ends["x"] == x].set_index("line")[columns] for x in axis.places[[0, -1]])
    ratio = (last[columns[0]] / first[columns[0]]).dropna()
    gain = 100 * (last[columns[1]] - first[columns[1]]).dropna()
    said = []
    if len(ratio):
        said.append(f"{ratio.median():.2f} times the speed")
    if len(gain):
        said.append(f"{format_points(gain.median())} percentage points of accuracy")
    if not said:
        return f"No line reaches from {axis.values[0]} to {axis.values[-1]}."
    lines = max(len(ratio), len(gain))
    over = f" (median over {lines} lines)" if lines > 1 else ""
    name = axis_name(axis.field)
    return f"From {name} {axis.values[0]} to {axis.values[-1]}: {', '.join(said)}{over}."
