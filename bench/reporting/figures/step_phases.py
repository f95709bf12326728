"""The time of a training step by phase."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from bench.analysis.results import Results
from bench.formatting import format_number, plural
from bench.records import STEP_PHASES
from bench.reporting.colours import INK, PHASE_COLOURS, SOFT_INK
from bench.reporting.figure_style import Chart, Legend, canvas, styled
from bench.reporting.figures.cell_rows import Rows, name_rows, rows_of
from bench.reporting.figures.cell_styles import cell_styles_of
from bench.reporting.sample_notes import median_note
from bench.stats.estimates import Floats

MEDIANS = [f"{phase}_median" for phase in STEP_PHASES]
SHARES_FROM = 8.0  # bars that differ by more than this factor are drawn as shares
LABELLED_FROM = 0.08  # of the axes' width: parts that are wide enough for their percentage


@dataclass(frozen=True)
class Unit:
    """The unit of a step's time, per image if batch sizes differ."""

    name: str
    symbol: str
    per_second: Floats


@styled
def step_phases(results: Results) -> Sequence[Chart]:
    """Draw the time of a training step in each phase, the fastest cell first."""
    styles = cell_styles_of(results)
    cells = fastest_first(styles.cells)
    if cells.empty:
        return ()
    rows = rows_of(cells, styles.labels)
    unit = _unit(rows.cells)
    parts = rows.cells[MEDIANS].fillna(0).to_numpy(dtype=float) * unit.per_second[:, np.newaxis]
    totals = parts.sum(axis=1)
    as_shares = totals.max() / totals.min() > SHARES_FROM
    note = f"{median_note(rows.cells['forward_n'], 'timing block')}. In the bars: share of the sum"
    figure = canvas(
        "Where does the time of a training step go?",
        note + (f". At the right: {unit.name}" if as_shares else ""),
        body_in=rows.height_in,
        legend=_legend(as_shares),
    )
    axes = figure.subplots()
    name_rows(axes, rows)
    if as_shares:
        _draw(axes, rows, parts / totals[:, np.newaxis], width=1.0)
        _label_totals(axes, rows, totals, unit)
    else:
        data = rows.cells["data_median"].fillna(0)
        median, low, high = (
            (data + rows.cells[f"step_{part}"]).to_numpy(dtype=float) * unit.per_second
            for part in ("median", "low", "high")
        )
        _draw(axes, rows, parts, width=np.nanmax([totals, median, low, high]) * 1.06)
        # The step timed at once, to check that the phases add up to it. The interval is drawn
        # below the bar, where it covers no percentage.
        axes.plot(median, rows.positions, "|", color=INK, ms=15, mew=2, zorder=3)
        axes.hlines(rows.positions + 0.39, low, high, colors=INK, lw=1.4, zorder=3)
    axes.set_xlabel("share of the step" if as_shares else f"{unit.name} ({unit.symbol})")
    alt = f"Bars: time in data, forward, backward and optimizer for {plural(len(cells), 'cell')}"
    shares = cells[MEDIANS].div(cells[MEDIANS].sum(axis=1), axis=0).median().sort_values()
    largest = str(shares.index[-1]).removesuffix("_median").capitalize()
    over = f" (median over {len(cells)} cells)" if len(cells) > 1 else ""
    caption = f"{largest} takes most: {shares.iloc[-1]:.0%} of a step{over}."
    return (Chart("phases", figure, alt, caption),)


def step_images(cells: pd.DataFrame) -> pd.Series:
    """Return the images per step of each cell."""
    return cells["step_images"].astype("Float64").astype(float)


def fastest_first(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with a timed phase, ordered by the time of a step per image."""
    timed = cells[cells[MEDIANS].notna().any(axis=1)]
    per_image = timed[MEDIANS].sum(axis=1) / step_images(timed)
    return timed.loc[per_image.sort_values(kind="stable").index]


def _unit(cells: pd.DataFrame) -> Unit:
    images = step_images(cells).to_numpy()
    if len(set(images)) > 1:
        return Unit("time of a step per image, because batch sizes differ", "µs", 1e6 / images)
    return Unit("time of a step", "ms", np.full(len(cells), 1e3))


def _legend(as_shares: bool) -> Legend:
    entries: Legend = [(Patch(color=colour), phase) for phase, colour in PHASE_COLOURS.items()]
    if not as_shares:
        mark = Line2D([], [], color=INK, marker="|", markersize=12, mew=2, linestyle="")
        entries.append((mark, "data + full step, timed at once (line below: 95% interval)"))
    return entries


def _draw(axes: Axes, rows: Rows, parts: Floats, *, width: float) -> None:
    """Stack the phases of every row, with the shares in the parts that are wide enough."""
    starts = np.cumsum(parts, axis=1) - parts
    shares = parts / parts.sum(axis=1, keepdims=True)
    for i, (phase, colour) in enumerate(PHASE_COLOURS.items()):
        bars = axes.barh(
            rows.positions, parts[:, i], left=starts[:, i], color=colour, height=0.66,
            edgecolor="white", linewidth=0.8,
        )  # fmt: skip
        wide = parts[:, i] / width >= LABELLED_FROM
        labels = [f"{s:.0%}" if w else "" for s, w in zip(shares[:, i], wide, strict=True)]
        ink = "white" if phase == "backward" else INK
        axes.bar_label(bars, labels, label_type="center", color=ink, size=9)
    axes.set_xlim(0, width)


def _label_totals(axes: Axes, rows: Rows, totals: Floats, unit: Unit) -> None:
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    for y, total in zip(rows.positions, totals, strict=True):
        axes.annotate(
            f"{format_number(total)} {unit.symbol}", (1, y), (6, 0), textcoords="offset points",
            va="center", fontsize=9.5, color=SOFT_INK, annotation_clip=False,
        )  # fmt: skip
