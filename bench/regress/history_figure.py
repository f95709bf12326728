"""The trend of a dozen benchmarks, each in a panel of its own."""

from collections.abc import Sequence

import numpy as np

import bench.reporting.matplotlib_import  # noqa: F401

# isort: split
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.regress.history import Trend
from bench.reporting.colours import CELL_COLOURS, SOFT_INK
from bench.reporting.figure_style import canvas, styled, wrapped

PANELS, COLUMNS, PANEL_IN = 12, 3, 1.75
STEP = CELL_COLOURS[1]
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


@styled
def draw(trends: Sequence[Trend], number: str) -> Figure:
    """Draw medians with their 95% intervals by session, and lines where a new level begins."""
    rows = -(-len(trends) // COLUMNS)
    figure = canvas(
        f"How did each benchmark's time move? {number}".rstrip(),
        "Median of a session's rounds with its 95% interval, by commit. Each panel has a scale of "
        "its own, from 0",
        body_in=rows * PANEL_IN,
        legend=[
            (Line2D([], [], color=CELL_COLOURS[0], marker="o", markersize=4), "one session"),
            (Line2D([], [], color=STEP, linestyle="--"), "a new level begins"),
        ],
    )
    panels = figure.subplots(rows, COLUMNS, squeeze=False).flat
    for axes, trend in zip(panels, trends, strict=False):
        _panel(axes, trend)
    for axes in list(panels):  # those that are left
        axes.remove()
    return figure


def _panel(axes: Axes, trend: Trend) -> None:
    measured = trend.measured
    highest = max(m.high_s for m in measured)
    factor, unit = next((u for u in UNITS if highest >= u[0]), UNITS[-1])
    at = np.arange(len(measured))
    median, low, high = (
        np.array([getattr(m, field) for m in measured]) / factor
        for field in ("median_s", "low_s", "high_s")
    )
    axes.fill_between(at, low, high, color=CELL_COLOURS[0], alpha=0.2, linewidth=0)
    axes.plot(at, median, color=CELL_COLOURS[0], marker="o", markersize=3, linewidth=1.2)
    for step in trend.steps:
        axes.axvline(step.at - 0.5, color=STEP, linestyle="--", linewidth=1.2)
        change = f"{step.ratio.value - 1:+.0%}".replace("-", "−")
        axes.annotate(
            change, (step.at - 0.5, 0), (4, 4), textcoords="offset points", color=STEP, fontsize=9.5
        )
    axes.set_ylim(0, 1.08 * highest / factor)
    axes.set_title(wrapped(trend.name, 34), fontsize=9)
    axes.set_ylabel(unit, rotation=0, labelpad=10, va="center", color=SOFT_INK)
    marks = sorted({0, len(at) - 1, *(step.at for step in trend.steps)})
    axes.set_xticks(marks, [trend.sessions[i].commit[:7] for i in marks], fontsize=8)
    axes.grid(visible=False, axis="x")
