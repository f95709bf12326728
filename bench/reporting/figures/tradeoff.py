"""What accuracy costs: the cells between accuracy and a cost, and the front among them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.analysis.results import Results
from bench.cell_names import named_value
from bench.formatting import format_points, join_words
from bench.reporting.figure_style import INK, OTHERS, SOFT_INK, canvas, styled
from bench.reporting.figures.axis_scales import accuracy_axis, accuracy_errors
from bench.reporting.figures.cell_points import draw_points
from bench.reporting.figures.cell_styles import CellStyle, CellStyles, cell_styles_of
from bench.reporting.figures.cost_views import (
    View,
    flops_view,
    speed_view,
    time_view,
    trained_cells,
)
from bench.reporting.figures.figure import Chart
from bench.reporting.figures.point_labels import name_points
from bench.reporting.sample_notes import accuracy_note
from bench.stats.estimates import Floats

NAMED = 5  # up to so many cells all carry their names; of more, the front does
NAMED_WITH_ROOM = 10  # up to so many, the others carry theirs where that covers nothing
BARS_UP_TO = 40  # of more cells, only the front has bars
FRONT: Mapping[str, Any] = {"color": SOFT_INK, "linewidth": 1, "linestyle": (0, (4, 2))}
ON_FRONT = "no cell is better in both"
DOMINATED = "another cell is better in both"


@styled
def accuracy_against_speed(tables: Results) -> Sequence[Chart]:
    """Draw test accuracy over training speed, a point a cell with both its intervals."""
    view = speed_view(trained_cells(tables))
    if view is None:
        return ()
    figure = _figure("What does accuracy cost in speed?", [view], tables, body_in=4.2)
    alt = f"Test accuracy against training speed for {len(view.cells)} cells, with intervals"
    caption = f"{_from_fastest_to_best(view, names_of(tables))} {_counted([view])}"
    return (Chart("accuracy_speed", figure, alt, caption),)


@styled
def accuracy_against_cost(tables: Results) -> Sequence[Chart]:
    """Draw test accuracy over training time and, where they differ, over training FLOPs."""
    both = (time_view(trained_cells(tables)), flops_view(tables))
    views = [view for view in both if view is not None]
    if not views:
        return ()
    names = join_words(view.name for view in views)
    figure = _figure(
        f"What does accuracy cost in {names}?", views, tables, body_in=3.6 * len(views)
    )
    alt = f"Test accuracy against {names} for {len(views[0].cells)} cells, with intervals"
    return (
        Chart("accuracy_cost", figure, alt, f"Up and to the left is better. {_counted(views)}"),
    )


def _figure(title: str, views: Sequence[View], tables: Results, body_in: float) -> Figure:
    """Draw the views below each other."""
    styles, names = cell_styles_of(tables), names_of(tables)
    across = (view.note if len(views) == 1 else f"{view.name} {view.note}" for view in views)
    cells = max((view.cells for view in views), key=len)
    figure = canvas(
        title,
        f"Across: {'; '.join(across)}. Up: {accuracy_note(cells)}",
        body_in=body_in,
        legend=_legend(views, styles),
    )
    column = figure.subplots(len(views), 1, squeeze=False)[:, 0]
    for axes, view in zip(column, views, strict=True):
        _draw(axes, view, styles)
    FigureCanvasAgg(figure)  # keeps what measures texts, which is made anew each time without it
    figure.draw_without_rendering()  # only then is it known where the points stand
    for axes, view in zip(column, views, strict=True):
        _name(axes, view, names, _corners(axes, view))
    return figure


def _draw(axes: Axes, view: View, styles: CellStyles) -> None:
    """Draw the points with their bars, the dominated ones grey and behind, and the front."""
    y, y_bars = view.percents, accuracy_errors(view.cells)
    for part, dominated in ((~view.front, True), (view.front, False)):
        shown = [styles.styles[cell_id] for cell_id in view.cells.loc[part, "cell_id"]]
        # Where not every cell has a colour, none is told: names have no room for all.
        only = OTHERS if dominated else INK if styles.wide else ""
        bare = dominated and len(view.cells) > BARS_UP_TO
        draw_points(
            axes,
            view.x[part],
            y[part],
            [CellStyle(only or look.colour, look.marker) for look in shown],
            x_bars=None if bare else view.bars[:, part],
            y_bars=None if bare else y_bars[:, part],
            size=14 if bare else 60,
        )
    view.scale(axes)
    accuracy_axis(axes, y, y_bars)
    axes.plot(*_corners(axes, view).T, **FRONT, zorder=1.8)


def _corners(axes: Axes, view: View) -> Floats:
    """Give the corners of the border of what is dominated, (n, 2), from one edge to the other.

    From each cell of the front it goes along to the cost of the next, and up to its accuracy.
    """
    y = view.percents
    order = np.lexsort((view.x, y))
    order = order[view.front[order]]
    left, right = axes.get_xlim()
    worst = left if view.more_is_better else right  # any higher cost can buy the best accuracy
    x = np.append(view.x[order], worst)
    heights = np.concatenate([[axes.get_ylim()[0]], y[order]])
    corners: Floats = np.column_stack([np.repeat(x, 2)[:-1], np.repeat(heights, 2)[1:]])
    return np.vstack([[x[0], heights[0]], corners])


def _name(axes: Axes, view: View, names: Mapping[str, str], line: Floats) -> None:
    """Name the ends of the front, then the rest of it, then the others where there is room."""
    front = np.flatnonzero(view.front)
    ends = [front[view.percents[front].argmax()], front[view.percents[front].argmin()]]
    others = np.flatnonzero(~view.front)[: None if len(view.cells) <= NAMED_WITH_ROOM else 0]
    asked = [*ends, *front] if len(front) <= NAMED else ends
    if len(view.cells) <= NAMED:
        asked = [*asked, *others]
    ids = view.cells["cell_id"].to_numpy()
    name_points(
        axes,
        np.column_stack([view.x, view.percents]),
        [view.bars, accuracy_errors(view.cells)],
        {i: (names[ids[i]], INK if view.front[i] else SOFT_INK) for i in [*ends, *front, *others]},
        asked=asked,
        line=line,
    )


def names_of(tables: Results) -> Mapping[str, str]:
    """Name the measured cells: those of a one-at-a-time study by what they change."""
    changes = tables.ordered_changes
    labels = cell_styles_of(tables).labels
    if not changes:
        return labels
    return {i: changes[i].name if i in changes else "baseline" for i in labels}


def _legend(views: Sequence[View], styles: CellStyles) -> list[tuple[Artist, str]]:
    """Tell the front from the rest, and what the markers mean."""
    line = Line2D([], [], **FRONT, marker="o")
    entries: list[tuple[Artist, str]] = [(line, ON_FRONT)]
    if not all(view.front.all() for view in views):
        grey = Line2D([], [], color=OTHERS, marker="o", linestyle="-", linewidth=1.4)
        entries.append((grey, DOMINATED))
    if styles.facet is not None:
        marked = styles.cells.assign(look=styles.cells["cell_id"].map(styles.styles))
        for value, group in marked.groupby(styles.facet, sort=False, dropna=False):
            marker = Line2D([], [], color=INK, marker=group["look"].iloc[0].marker, linestyle="")
            entries.append((marker, named_value(styles.facet, value)))
    return entries


def _counted(views: Sequence[View]) -> str:
    """Say how many cells no other dominates; means alone say so, and no verdict is in it."""
    told = [
        f"{view.front.sum()} of {len(view.cells)}" + (f" by {view.name}" if len(views) > 1 else "")
        for view in views
    ]
    return (
        f"On the line: the cells that no other beats in both ({', '.join(told)}), by their means "
        "and medians alone; where bars overlap it may be chance."
    )


def _from_fastest_to_best(view: View, names: Mapping[str, str]) -> str:
    fastest, best = int(view.x.argmax()), int(view.percents.argmax())
    ends = [names[view.cells["cell_id"].iloc[i]] for i in (fastest, best)]
    if fastest == best:
        return (
            f"Up and to the right is better: {ends[1]} is both the fastest and the most accurate "
            "on the mean."
        )
    return (
        f"Up and to the right is better. From the fastest ({ends[0]}) to the most accurate "
        f"({ends[1]}): {format_points(view.percents[best] - view.percents[fastest])} "
        f"percentage points at {view.x[best] / view.x[fastest]:.2g} times the speed."
    )
