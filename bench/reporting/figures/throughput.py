"""The training speed of every cell."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.results import Results
from bench.analysis.summary import block_measures
from bench.formatting import format_short, plural
from bench.reporting.colours import SOFT_INK
from bench.reporting.figure_style import Chart, canvas, styled
from bench.reporting.figures.axis_scales import error_bars, speed_axis
from bench.reporting.figures.cell_rows import Rows, name_rows, rows_of
from bench.reporting.figures.cell_styles import CellStyles, cell_styles_of, draw_points
from bench.reporting.sample_notes import TIMED, Speed, interval_note, speed_of
from bench.stats.estimates import Floats


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
    samples = _samples(results, rows, speed)
    _draw(axes, rows, styles, speed, samples)
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
    """Return the speeds behind each row's median: of its timing blocks, or of its seeds."""
    if speed is TIMED:
        samples = block_measures(results.timings, results.blocks)
        samples = samples[samples["role"] != "twin"]
    else:
        samples = results.trials[results.trials["status"] == "ok"]
    by_cell = dict(list(samples.groupby("cell_id")[speed.measure]))
    none = pd.Series(dtype=float)
    return [
        by_cell.get(cell_id, none).to_numpy(dtype=float, na_value=np.nan)
        for cell_id in rows.cells["cell_id"]
    ]


def _draw(
    axes: Axes, rows: Rows, styles: CellStyles, speed: Speed, samples: Sequence[Floats]
) -> None:
    medians = rows.cells[f"{speed.measure}_median"].to_numpy(dtype=float)
    bars = error_bars(rows.cells, speed.measure)
    own = [styles.styles[cell_id] for cell_id in rows.cells["cell_id"]]
    draw_points(axes, medians, rows.positions, own, x_bars=bars)
    for median, bar, y, x, style in zip(
        medians, bars[1], rows.positions, samples, own, strict=True
    ):
        axes.plot(x, np.full(len(x), y), "o", ms=3, color=style.colour, alpha=0.45)
        axes.annotate(
            format_short(median), (np.nanmax([median + bar, *x]), y), (7, 0),
            textcoords="offset points", va="center", fontsize=9.5, color=SOFT_INK,
        )  # fmt: skip
