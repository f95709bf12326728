"""Where the time of a training step goes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from bench.analysis.results import Results
from bench.formatting import format_number, plural
from bench.records import STEP_PHASES
from bench.reporting.figure_style import INK, PHASE_COLOURS, SOFT_INK, canvas, styled
from bench.reporting.figures.cell_rows import Rows, name_rows, rows_of
from bench.reporting.figures.cell_styles import cell_styles_of
from bench.reporting.figures.figure import Chart
from bench.reporting.sample_notes import median_note
from bench.stats.estimates import Floats

MEDIANS = [f"{phase}_median" for phase in STEP_PHASES]
SHARES_FROM = 8.0  # bars that differ by more than this factor are drawn as shares
NAMED_FROM = 0.08  # a part of the axes' width that holds its percentage


@dataclass(frozen=True)
class Unit:
    """In what a step is told: time, or time by image where batches differ in size."""

    words: str
    symbol: str
    per_second: Floats


@styled
def step_phases(tables: Results) -> Sequence[Chart]:
    """Draw what a training step spends in each phase, the quickest cell first."""
    styles = cell_styles_of(tables)
    cells = quickest_first(styles.cells)
    if cells.empty:
        return ()
    rows = rows_of(cells, styles.labels)
    unit = _unit(rows.cells)
    parts = rows.cells[MEDIANS].fillna(0).to_numpy(dtype=float) * unit.per_second[:, np.newaxis]
    totals = parts.sum(axis=1)
    shares = totals.max() / totals.min() > SHARES_FROM
    note = f"{median_note(rows.cells['forward_n'], 'timing block')}. In the bars: share of the sum"
    figure = canvas(
        "Where does the time of a training step go?",
        note + (f". At the right: {unit.words}" if shares else ""),
        body_in=rows.height_in,
        legend=_legend(shares),
    )
    axes = figure.subplots()
    name_rows(axes, rows)
    if shares:
        _draw(axes, rows, parts / totals[:, np.newaxis], width=1.0)
        _name_sums(axes, rows, totals, unit)
    else:
        steps = _whole_steps(rows, unit)
        _draw(axes, rows, parts, width=np.nanmax([totals, *steps]) * 1.06)
        _mark_steps(axes, rows, steps)
    axes.set_xlabel("share of the step" if shares else f"{unit.words} ({unit.symbol})")
    alt = f"Bars: time in data, forward, backward and optimizer for {plural(len(cells), 'cell')}"
    return (Chart("phases", figure, alt, _caption(cells[MEDIANS])),)


def quickest_first(cells: pd.DataFrame) -> pd.DataFrame:
    """Take the cells of which a phase was timed, ordered by the time of a step an image."""
    timed = cells[cells[MEDIANS].notna().any(axis=1)]
    per_image = timed[MEDIANS].sum(axis=1) / _images(timed)
    return timed.loc[per_image.sort_values(kind="stable").index]


def _images(cells: pd.DataFrame) -> pd.Series:
    return cells["step_images"].astype("Float64").astype(float)


def _unit(cells: pd.DataFrame) -> Unit:
    images = _images(cells).to_numpy()
    if len(set(images)) > 1:
        return Unit("time of a step per image, because batch sizes differ", "µs", 1e6 / images)
    return Unit("time of a step", "ms", np.full(len(cells), 1e3))


def _legend(shares: bool) -> list[tuple[Artist, str]]:
    entries: list[tuple[Artist, str]] = [
        (Patch(color=colour), phase) for phase, colour in PHASE_COLOURS.items()
    ]
    if not shares:
        mark = Line2D([], [], color=INK, marker="|", markersize=12, mew=2, linestyle="")
        entries.append((mark, "data + whole step, timed as one (line below: 95% interval)"))
    return entries


def _draw(axes: Axes, rows: Rows, parts: Floats, *, width: float) -> None:
    """Stack the phases of every row, and write each share where it has room."""
    starts = np.cumsum(parts, axis=1) - parts
    shares = parts / parts.sum(axis=1, keepdims=True)
    for i, (phase, colour) in enumerate(PHASE_COLOURS.items()):
        axes.barh(
            rows.positions, parts[:, i], left=starts[:, i], color=colour, height=0.66,
            edgecolor="white", linewidth=0.8,
        )  # fmt: skip
        ink = "white" if phase == "backward" else INK
        for y, start, part, share in zip(
            rows.positions, starts[:, i], parts[:, i], shares[:, i], strict=True
        ):
            if part / width >= NAMED_FROM:
                middle = start + part / 2
                axes.text(middle, y, f"{share:.0%}", ha="center", va="center", color=ink, size=9)
    axes.set_xlim(0, width)


def _whole_steps(rows: Rows, unit: Unit) -> tuple[Floats, Floats, Floats]:
    """Give data and the step timed whole: median, low and high, blank where there is none."""
    data = rows.cells["data_median"].fillna(0)
    median, low, high = (
        (data + rows.cells[f"step_{part}"]).to_numpy(dtype=float) * unit.per_second
        for part in ("median", "low", "high")
    )
    return median, low, high


def _mark_steps(axes: Axes, rows: Rows, steps: tuple[Floats, Floats, Floats]) -> None:
    """Mark what the step took when it was timed whole: the books of the phases close there.

    The interval lies below the bar, where it hides no share.
    """
    median, low, high = steps
    axes.plot(median, rows.positions, "|", color=INK, ms=15, mew=2, zorder=3)
    axes.hlines(rows.positions + 0.39, low, high, colors=INK, lw=1.4, zorder=3)


def _name_sums(axes: Axes, rows: Rows, totals: Floats, unit: Unit) -> None:
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    for y, total in zip(rows.positions, totals, strict=True):
        axes.annotate(
            f"{format_number(total)} {unit.symbol}", (1, y), (6, 0), textcoords="offset points",
            va="center", fontsize=9.5, color=SOFT_INK, annotation_clip=False,
        )  # fmt: skip


def _caption(medians: pd.DataFrame) -> str:
    shares = medians.div(medians.sum(axis=1), axis=0).median().sort_values()
    largest = str(shares.index[-1]).removesuffix("_median")
    over = f" (median over {len(medians)} cells)" if len(medians) > 1 else ""
    return f"{largest} takes most: {shares.iloc[-1]:.0%} of a step{over}.".capitalize()
