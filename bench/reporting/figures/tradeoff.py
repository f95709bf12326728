"""Accuracy against what it costs: speed, training time, training FLOPs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import Formatter, FuncFormatter
from numpy.typing import NDArray

from bench.analysis.accuracy_comparisons import trained_trials
from bench.analysis.results import Results
from bench.formatting import format_points, join_words
from bench.reporting.colours import INK, OTHER_CELLS, SOFT_INK
from bench.reporting.figure_style import Chart, Legend, canvas, styled
from bench.reporting.figures.axis_scales import (
    accuracy_axis,
    accuracy_bars,
    amount_axis,
    error_bars,
)
from bench.reporting.figures.cell_styles import CellStyle, CellStyles, cell_styles_of, draw_points
from bench.reporting.figures.point_labels import label_points
from bench.reporting.sample_notes import accuracy_note, interval_note, median_note, speed_of
from bench.stats.estimates import MIN_FOR_INTERVAL, Floats
from bench.stats.pareto import pareto_front

ALL_LABELLED = 5  # up to so many cells all have labels; of more, those on the front
LABELLED_IF_FREE = 10  # up to so many, the others have labels where these cover nothing
BARS_UP_TO = 40  # of more cells, only the front has bars
FRONT: Mapping[str, Any] = {"color": SOFT_INK, "linewidth": 1, "linestyle": (0, (4, 2))}


@dataclass(frozen=True, eq=False)
class View:
    """Accuracy over one cost, for the cells that have both, and the Pareto front among them.

    `x` are the costs and `bars` (2, n) their error bars. `front` marks the cells that no other
    cell dominates, judged by means and medians alone.
    """

    name: str
    note: str
    cells: pd.DataFrame
    x: Floats
    bars: Floats
    label: str
    remark: str = ""
    formatter: Formatter | None = None
    more_is_better: bool = False

    @property
    def percents(self) -> Floats:
        """Return the mean accuracies in percent."""
        return np.asarray(100 * self.cells["accuracy_mean"].to_numpy(dtype=float))

    @property
    def front(self) -> NDArray[np.bool_]:
        """Return which cells are on the Pareto front."""
        return pareto_front(self.percents, -self.x if self.more_is_better else self.x)


def speed_view(results: Results) -> View | None:
    """Return accuracy over images per second, or None for fewer than two cells."""
    cells = _trained_cells(results)
    speed = speed_of(cells)
    known = _with_both(cells, f"{speed.measure}_median")
    if len(known) < 2:
        return None
    x, bars = known[f"{speed.measure}_median"], error_bars(known, speed.measure)
    return View(
        "speed", interval_note(speed, known), known, x.to_numpy(dtype=float), bars,
        "images/s", f" ({speed.clock})", more_is_better=True,
    )  # fmt: skip


def _time_view(results: Results) -> View | None:
    known = _with_both(_trained_cells(results), "train_s_median")
    if len(known) < 2:
        return None
    counts, x = known["train_s_n"], known["train_s_median"].to_numpy(dtype=float)
    bar = ", bar: 95% interval" if counts.max() >= MIN_FOR_INTERVAL else ""
    note = f"{median_note(counts, 'seed')}{bar}"
    seconds = FuncFormatter(lambda value, _: f"{value:,.6g}")
    bars = error_bars(known, "train_s")
    return View("training time", note, known, x, bars, "training time (s)", formatter=seconds)


def _flops_view(results: Results) -> View | None:
    """Return accuracy over the FLOPs of training, or None if these are the same for all cells.

    They are the FLOPs per image, forward and backward, times the images of all epochs.
    """
    cells, finished = _trained_cells(results), trained_trials(results.trials)
    # Rounded to a number of images, so that equal costs don't differ in their last digit.
    images = (finished["images_per_s"] * finished["train_s"]).round()
    images = images.groupby(finished["cell_id"]).median()
    flops = cells["flops_per_image"] * cells["cell_id"].map(images).astype(float)
    known = _with_both(cells.assign(training_flops=flops), "training_flops")
    x = known["training_flops"].to_numpy(dtype=float)
    if len(known) < 2 or np.ptp(x) == 0:
        return None
    return View("training FLOPs", "counted", known, x, np.zeros((2, len(x))), "training FLOPs")


def _trained_cells(results: Results) -> pd.DataFrame:
    """Return the cells that trained: the accuracy before training has no cost."""
    summary = results.summary
    return summary[summary["cell_id"].isin(trained_trials(results.trials)["cell_id"])]


def _with_both(cells: pd.DataFrame, cost: str) -> pd.DataFrame:
    return cells[(cells[cost] > 0).fillna(False) & cells["accuracy_mean"].notna()]


@styled
def accuracy_against_speed(results: Results) -> Sequence[Chart]:
    """Draw test accuracy over training speed, one point per cell, with both intervals."""
    view = speed_view(results)
    if view is None:
        return ()
    figure = _figure("What does accuracy cost in speed?", [view], results, body_in=4.2)
    alt = f"Test accuracy against training speed for {len(view.cells)} cells, with intervals"
    caption = f"{_fastest_and_best(view, _names(results))} {_front_counts([view])}"
    return (Chart("accuracy_speed", figure, alt, caption),)


@styled
def accuracy_against_cost(results: Results) -> Sequence[Chart]:
    """Draw test accuracy over training time and, where they differ, over training FLOPs."""
    views = [v for v in (_time_view(results), _flops_view(results)) if v is not None]
    if not views:
        return ()
    names = join_words(view.name for view in views)
    title = f"What does accuracy cost in {names}?"
    figure = _figure(title, views, results, body_in=3.6 * len(views))
    alt = f"Test accuracy against {names} for {len(views[0].cells)} cells, with intervals"
    caption = f"Up and to the left is better. {_front_counts(views)}"
    return (Chart("accuracy_cost", figure, alt, caption),)


def _figure(title: str, views: Sequence[View], results: Results, body_in: float) -> Figure:
    styles, names = cell_styles_of(results), _names(results)
    x_notes = (view.note if len(views) == 1 else f"{view.name} {view.note}" for view in views)
    y_note = accuracy_note(max((view.cells for view in views), key=len))
    note = f"X: {'; '.join(x_notes)}. Y: {y_note}"
    figure = canvas(title, note, body_in=body_in, legend=_legend(views, styles))
    column = figure.subplots(len(views), 1, squeeze=False)[:, 0]
    for axes, view in zip(column, views, strict=True):
        _draw(axes, view, styles)
    FigureCanvasAgg(figure)  # caches the renderer that measures texts
    figure.draw_without_rendering()  # the positions of the points are known only afterwards
    for axes, view in zip(column, views, strict=True):
        _label(axes, view, names)
    return figure


def _draw(axes: Axes, view: View, styles: CellStyles) -> None:
    y, all_y_bars = view.percents, accuracy_bars(view.cells)
    for part, dominated in ((~view.front, True), (view.front, False)):
        own = [styles.styles[cell_id] for cell_id in view.cells.loc[part, "cell_id"]]
        # Where not every cell has its own colour, none is used: labels identify the front.
        shared = OTHER_CELLS if dominated else INK if styles.wide else ""
        small = dominated and len(view.cells) > BARS_UP_TO
        x_bars, y_bars = (None if small else bars[:, part] for bars in (view.bars, all_y_bars))
        own = [CellStyle(shared or style.colour, style.marker) for style in own]
        size = 14 if small else 60
        draw_points(axes, view.x[part], y[part], own, x_bars=x_bars, y_bars=y_bars, size=size)
    ends = np.concatenate([view.x - view.bars[0], view.x + view.bars[1]])
    amount_axis(axes, "x", ends, view.label, view.remark, view.formatter)
    accuracy_axis(axes, y, all_y_bars)
    axes.plot(*_corners(axes, view).T, **FRONT, zorder=1.8)


def _corners(axes: Axes, view: View) -> Floats:
    """Return the corners (n, 2) of the border of the dominated region, from edge to edge."""
    y = view.percents
    order = np.lexsort((view.x, y))
    order = order[view.front[order]]
    left, right = axes.get_xlim()
    worst = left if view.more_is_better else right  # any higher cost can buy the best accuracy
    x = np.append(view.x[order], worst)
    heights = np.concatenate([[axes.get_ylim()[0]], y[order]])
    corners: Floats = np.column_stack([np.repeat(x, 2)[:-1], np.repeat(heights, 2)[1:]])
    return np.vstack([[x[0], heights[0]], corners])


def _label(axes: Axes, view: View, names: Mapping[str, str]) -> None:
    """Label the ends of the front, the rest of it, then the other cells where space is free."""
    front = np.flatnonzero(view.front)
    ends = [front[view.percents[front].argmax()], front[view.percents[front].argmin()]]
    others = np.flatnonzero(~view.front)[: None if len(view.cells) <= LABELLED_IF_FREE else 0]
    required = [*ends, *front] if len(front) <= ALL_LABELLED else ends
    if len(view.cells) <= ALL_LABELLED:
        required = [*required, *others]
    ids, on_front = view.cells["cell_id"].to_numpy(), view.front
    label_points(
        axes,
        np.column_stack([view.x, view.percents]),
        [view.bars, accuracy_bars(view.cells)],
        {i: (names[ids[i]], INK if on_front[i] else SOFT_INK) for i in [*ends, *front, *others]},
        required=required,
        line=_corners(axes, view),
    )


def _names(results: Results) -> Mapping[str, str]:
    labels, changes = cell_styles_of(results).labels, results.ordered_changes
    if not changes:
        return labels
    return {i: changes[i].name if i in changes else "baseline" for i in labels}


def _legend(views: Sequence[View], styles: CellStyles) -> Legend:
    front = Line2D([], [], **FRONT, marker="o")
    entries: Legend = [(front, "no cell is better in both")]
    if not all(view.front.all() for view in views):
        grey = Line2D([], [], color=OTHER_CELLS, marker="o", linestyle="-", linewidth=1.4)
        entries.append((grey, "another cell is better in both"))
    return entries + styles.marker_legend()


def _front_counts(views: Sequence[View]) -> str:
    by = (f" by {view.name}" if len(views) > 1 else "" for view in views)
    counts = [f"{v.front.sum()} of {len(v.cells)}{name}" for v, name in zip(views, by, strict=True)]
    return (
        f"On the line: the cells that no other beats in both ({', '.join(counts)}), by their means "
        "and medians alone; where bars overlap it may be chance."
    )


def _fastest_and_best(view: View, names: Mapping[str, str]) -> str:
    fastest, best = int(view.x.argmax()), int(view.percents.argmax())
    first, last = (names[view.cells["cell_id"].iloc[i]] for i in (fastest, best))
    better = "Up and to the right is better"
    if fastest == best:
        return f"{better}: {last} is both the fastest and the most accurate on the mean."
    gain = format_points(view.percents[best] - view.percents[fastest])
    return (
        f"{better}. From the fastest ({first}) to the most accurate ({last}): {gain} percentage "
        f"points at {view.x[best] / view.x[fastest]:.2g} times the speed."
    )
