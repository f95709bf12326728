"""The training speed of every cell, and the time of a training step by phase."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from bench.analysis.results import Results
from bench.analysis.summary import block_measures
from bench.formatting import format_number, format_short, plural
from bench.records import STEP_PHASES
from bench.reporting.colours import INK, PHASE_COLOURS, SOFT_INK
from bench.reporting.figure_style import Chart, Legend, canvas, styled
from bench.reporting.figures.axis_scales import error_bars, speed_axis
from bench.reporting.figures.cell_styles import (
    Rows,
    cell_styles_of,
    draw_points,
    name_rows,
    rows_of,
)
from bench.reporting.sample_notes import TIMED, Speed, interval_note, median_note, speed_of
from bench.stats.estimates import Floats

MEDIANS = [f"{phase}_median" for phase in STEP_PHASES]
SHARES_FROM = 8.0  # bars that differ by more than this factor are drawn as shares
LABELLED_FROM = 0.08  # of the axes' width: parts that are wide enough for their percentage


@styled
def throughput(results: Results) -> Sequence[Chart]:
    """Draw the training speed of every cell, fastest first."""
    styles = cell_styles_of(results)
    speed = speed_of(styles.cells)
    median = f"{speed.measure}_median"
    cells = styles.cells[styles.cells[median].notna()]
    if cells.empty:
        return ()
    cells = cells.sort_values(median, ascending=False, kind="stable")
    rows = rows_of(cells, styles.labels)
    note = f"{interval_note(speed, cells)}. Small: each {speed.sample}"
    if len(cells) < len(styles.cells):
        note += f". Not timed: {plural(len(styles.cells) - len(cells), 'cell')}"
    figure = canvas("How fast does each cell train?", note, body_in=rows.height_in)
    axes = figure.subplots()
    medians, bars = rows.cells[median].to_numpy(dtype=float), error_bars(rows.cells, speed.measure)
    samples = _samples(results, rows, speed)
    own = [styles.styles[cell_id] for cell_id in rows.cells["cell_id"]]
    draw_points(axes, medians, rows.positions, own, x_bars=bars)
    ends = medians + bars[1]
    for value, end, y, x, style in zip(medians, ends, rows.positions, samples, own, strict=True):
        axes.plot(x, np.full(len(x), y), "o", ms=3, color=style.colour, alpha=0.45)
        axes.annotate(
            format_short(value), (np.nanmax([end, *x]), y), (7, 0),
            textcoords="offset points", va="center", fontsize=9.5, color=SOFT_INK,
        )  # fmt: skip
    name_rows(axes, rows)
    speed_axis(axes, "x", np.concatenate([cells[median].to_numpy(), *samples]), speed)
    first, last = cells.iloc[0], cells.iloc[-1]
    caption = f"{styles.labels[first['cell_id']]} trains {format_short(first[median])} images/s"
    if len(cells) > 1:
        slowest = styles.labels[last["cell_id"]]
        caption += f", {first[median] / last[median]:.3g} times as many as {slowest}"
    alt = f"Training speed of {plural(len(cells), 'cell')} in images per second, fastest first"
    return (Chart("throughput", figure, alt, f"{caption}."),)


def _samples(results: Results, rows: Rows, speed: Speed) -> list[Floats]:
    if speed is TIMED:
        samples = block_measures(results.timings, results.blocks)
        samples = samples[samples["role"] != "twin"]
    else:
        samples = results.trials[results.trials["status"] == "ok"]
    by_cell = dict(list(samples.groupby("cell_id")[speed.measure]))
    found = (by_cell.get(cell_id, pd.Series(dtype=float)) for cell_id in rows.cells["cell_id"])
    return [speeds.to_numpy(dtype=float, na_value=np.nan) for speeds in found]


@styled
def step_phases(results: Results) -> Sequence[Chart]:
    """Draw the time of a training step in each phase, the fastest cell first."""
    styles = cell_styles_of(results)
    cells = fastest_first(styles.cells)
    if cells.empty:
        return ()
    rows = rows_of(cells, styles.labels)
    images, unit, symbol = step_images(rows.cells).to_numpy(), "time of a step", "ms"
    per_second = np.full(len(images), 1e3)
    if len(set(images)) > 1:
        unit, symbol = "time of a step per image, because batch sizes differ", "µs"
        per_second = 1e6 / images
    parts = rows.cells[MEDIANS].fillna(0).to_numpy(dtype=float) * per_second[:, np.newaxis]
    totals = parts.sum(axis=1)
    as_shares = totals.max() / totals.min() > SHARES_FROM
    note = f"{median_note(rows.cells['forward_n'], 'timing set')}. In the bars: share of the sum"
    if whole := int(styles.cells["step_median"].notna().sum()) - len(cells):
        note += f". Not timed by phase: {plural(whole, 'cell')}"
    figure = canvas(
        "Where does the time of a training step go?",
        note + (f". At the right: {unit}" if as_shares else ""),
        body_in=rows.height_in,
        legend=_phase_legend(as_shares),
    )
    axes = figure.subplots()
    name_rows(axes, rows)
    if as_shares:
        _draw_phases(axes, rows, parts / totals[:, np.newaxis], width=1.0)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        for y, total in zip(rows.positions, totals, strict=True):
            axes.annotate(
                f"{format_number(total)} {symbol}", (1, y), (6, 0), textcoords="offset points",
                va="center", fontsize=9.5, color=SOFT_INK, annotation_clip=False,
            )  # fmt: skip
    else:
        data = rows.cells["data_median"].fillna(0)
        median, low, high = (
            (data + rows.cells[f"step_{part}"]).to_numpy(dtype=float) * per_second
            for part in ("median", "low", "high")
        )
        _draw_phases(axes, rows, parts, width=np.nanmax([totals, median, low, high]) * 1.06)
        # The full step, which the phases add up to but for medians. The interval is drawn
        # below the bar, where it covers no percentage.
        axes.plot(median, rows.positions, "|", color=INK, ms=15, mew=2, zorder=3)
        axes.hlines(rows.positions + 0.39, low, high, colors=INK, lw=1.4, zorder=3)
    axes.set_xlabel("share of the step" if as_shares else f"{unit} ({symbol})")
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
    """Return the cells whose phases were timed, ordered by the time of a step per image.

    A training step of the user's own has only the phases that it marks.
    """
    timed = cells[cells[MEDIANS].notna().all(axis=1)]
    per_image = timed[MEDIANS].sum(axis=1) / step_images(timed)
    return timed.loc[per_image.sort_values(kind="stable").index]


def _phase_legend(as_shares: bool) -> Legend:
    entries: Legend = [(Patch(color=colour), phase) for phase, colour in PHASE_COLOURS.items()]
    if not as_shares:
        mark = Line2D([], [], color=INK, marker="|", markersize=12, mew=2, linestyle="")
        entries.append((mark, "data + full step (line below: 95% interval)"))
    return entries


def _draw_phases(axes: Axes, rows: Rows, parts: Floats, *, width: float) -> None:
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
