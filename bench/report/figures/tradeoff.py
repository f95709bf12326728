"""What accuracy costs in speed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from bench.analysis.load import Tables
from bench.analysis.statistics import Floats
from bench.report.figures.chart import Chart
from bench.report.figures.looks import Looks, looks_of
from bench.report.figures.points import draw_points
from bench.report.figures.scales import accuracy_axis, accuracy_errors, speed_axis, speed_errors
from bench.report.samples import Speed, accuracy_note, interval_note, speed_of
from bench.report.style import OTHERS, canvas, styled, wrapped
from bench.report.text import signed

NAMED = 5  # up to so many points carry their names; more are told by the legend

# Where a name may stand around its point: points to the right, points up, alignment.
_PLACES = (
    (9, 0, "left", "center"),
    (-9, 0, "right", "center"),
    (0, 9, "center", "bottom"),
    (0, -9, "center", "top"),
    (7, 7, "left", "bottom"),
    (7, -7, "left", "top"),
    (-7, 7, "right", "bottom"),
    (-7, -7, "right", "top"),
)


@styled
def accuracy_against_speed(tables: Tables) -> Sequence[Chart]:
    """Draw test accuracy over training speed, a point a cell with both its intervals."""
    looks = looks_of(tables)
    speed = speed_of(looks.cells)
    median = f"{speed.measure}_median"
    cells = looks.cells[looks.cells[[median, "accuracy_mean"]].notna().all(axis=1)]
    if len(cells) < 2:
        return ()
    named = len(cells) <= NAMED
    figure = canvas(
        "What does accuracy cost in speed?",
        f"Across: {interval_note(speed, cells)}. Up: {accuracy_note(cells)}",
        body_in=4.2,
        legend=[] if named else looks.legend(),
    )
    axes = figure.subplots()
    _draw(axes, cells, looks, speed)
    if named:
        figure.draw_without_rendering()  # only then is it known where the points stand
        _name_points(axes, cells, looks, speed)
    alt = f"Test accuracy against training speed for {len(cells)} cells, with intervals"
    return (Chart("accuracy_speed", figure, alt, _caption(cells, looks, median)),)


def _draw(axes: Axes, cells: pd.DataFrame, looks: Looks, speed: Speed) -> None:
    """Draw the points with their bars; cells without a look of their own go behind, bare."""
    x = cells[f"{speed.measure}_median"].to_numpy(dtype=float)
    y = 100 * cells["accuracy_mean"].to_numpy(dtype=float)
    x_bars, y_bars = speed_errors(cells, speed), accuracy_errors(cells)
    front = cells["cell_id"].isin(list(looks.shown)).to_numpy()
    axes.scatter(x[~front], y[~front], s=14, color=OTHERS, linewidths=0)
    draw_points(
        axes,
        x[front],
        y[front],
        [looks.looks[cell_id] for cell_id in cells.loc[front, "cell_id"]],
        x_bars=x_bars[:, front],
        y_bars=y_bars[:, front],
        size=60,
    )
    speed_axis(axes, "x", np.concatenate([x - x_bars[0], x + x_bars[1]]), speed)
    accuracy_axis(axes, y, y_bars)


def _name_points(axes: Axes, cells: pd.DataFrame, looks: Looks, speed: Speed) -> None:
    """Write the names beside the points, each where it covers least."""
    x = cells[f"{speed.measure}_median"].to_numpy(dtype=float)
    y = 100 * cells["accuracy_mean"].to_numpy(dtype=float)
    taken = _points_and_bars(axes, x, y, speed_errors(cells, speed), accuracy_errors(cells))
    frame = axes.get_window_extent()
    for cell_id, place in zip(cells["cell_id"], zip(x, y, strict=True), strict=True):
        tried = [_name(axes, looks.labels[cell_id], place, where) for where in _PLACES]
        boxes = [annotation.get_window_extent() for annotation in tried]
        costs = [_covered(box, taken) + _outside(box, frame) for box in boxes]
        best = int(np.argmin(costs))
        taken.append(boxes[best])
        for annotation in tried[:best] + tried[best + 1 :]:
            annotation.remove()


def _points_and_bars(
    axes: Axes, x: Floats, y: Floats, x_bars: Floats, y_bars: Floats
) -> list[Bbox]:
    """Tell where the page is already inked, in pixels."""
    across = [(x - x_bars[0], y), (x + x_bars[1], y)]
    up = [(x, y - y_bars[0]), (x, y + y_bars[1])]
    inked = []
    for ends in (across, up):
        first, last = (axes.transData.transform(np.column_stack(end)) for end in ends)
        for (x0, y0), (x1, y1) in zip(first, last, strict=True):
            inked.append(Bbox.from_extents(x0 - 7, y0 - 7, x1 + 7, y1 + 7))
    return inked


def _name(
    axes: Axes, label: str, point: tuple[float, float], place: tuple[int, int, str, str]
) -> Annotation:
    right, up, ha, va = place
    return axes.annotate(
        wrapped(label), point, (right, up), textcoords="offset points", ha=ha, va=va, fontsize=9.5
    )


def _covered(box: Bbox, others: Sequence[Bbox]) -> float:
    shared = (Bbox.intersection(box, other) for other in others)
    return float(sum(common.width * common.height for common in shared if common is not None))


def _outside(box: Bbox, frame: Bbox) -> float:
    inside = Bbox.intersection(box, frame)
    return float(box.width * box.height - (inside.width * inside.height if inside else 0))


def _caption(cells: pd.DataFrame, looks: Looks, median: str) -> str:
    fastest, best = (cells.nlargest(1, column).iloc[0] for column in (median, "accuracy_mean"))
    if fastest["cell_id"] == best["cell_id"]:
        return (
            f"Up and to the right is better: {looks.labels[best['cell_id']]} is both the fastest "
            "and the most accurate on the mean."
        )
    return (
        f"Up and to the right is better. From the fastest ({looks.labels[fastest['cell_id']]}) to "
        f"the most accurate ({looks.labels[best['cell_id']]}): "
        f"{signed(100 * (best['accuracy_mean'] - fastest['accuracy_mean']))} percentage points at "
        f"{best[median] / fastest[median]:.2g} times the speed."
    )
