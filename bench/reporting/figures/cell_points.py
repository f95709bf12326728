"""Cells as points with bars, each in its look."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from bench.reporting.figures.cell_styles import CellStyle
from bench.stats.estimates import Floats


def draw_points(
    axes: Axes,
    x: Floats,
    y: Floats,
    styles: Sequence[CellStyle],
    *,
    x_bars: Floats | None = None,
    y_bars: Floats | None = None,
    size: float = 45,
) -> None:
    """Draw n points; bars are (2, n) distances below and above, 0 where there is no interval.

    A few artists for all points: a grid of cells would else take seconds to draw.
    """
    colours = [look.colour for look in styles]
    if x_bars is not None:
        axes.hlines(y, x - x_bars[0], x + x_bars[1], colors=colours, linewidth=1.4, zorder=3)
    if y_bars is not None:
        axes.vlines(x, y - y_bars[0], y + y_bars[1], colors=colours, linewidth=1.4, zorder=3)
    markers = np.array([look.marker for look in styles])
    for marker in dict.fromkeys(markers.tolist()):
        at = markers == marker
        axes.scatter(
            x[at], y[at], s=size, c=np.array(colours)[at], marker=marker, linewidths=0, zorder=4
        )
