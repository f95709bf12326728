"""How fast every cell trains."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.results import Results
from bench.analysis.summary import block_measures
from bench.formatting import format_short, plural
from bench.reporting.figure_style import SOFT_INK, canvas, styled
from bench.reporting.figures.axis_scales import speed_axis, speed_errors
from bench.reporting.figures.cell_points import draw_points
from bench.reporting.figures.cell_rows import Rows, name_rows, rows_of
from bench.reporting.figures.cell_styles import CellStyles, cell_styles_of
from bench.reporting.figures.figure import Chart
from bench.reporting.sample_notes import TIMED, Speed, interval_note, speed_of
from bench.stats.estimates import Floats


@styled
def throughput(tables: Results) -> Sequence[Chart]:
    """Draw the training speed of every cell, fastest first."""
    styles = cell_styles_of(tables)
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
    singles = _singles(tables, rows, speed)
    _draw(axes, rows, styles, speed, singles)
    name_rows(axes, rows)
    speed_axis(axes, "x", np.concatenate([cells[median].to_numpy(), *singles]), speed)
    alt = f"Training speed of {plural(len(cells), 'cell')} in images per second, fastest first"
    return (Chart("throughput", figure, alt, _caption(cells, styles, median)),)


def _singles(tables: Results, rows: Rows, speed: Speed) -> list[Floats]:
    """Collect what stands behind each row's median: its blocks, or its seeds."""
    if speed is TIMED:
        samples = block_measures(tables.timings, tables.blocks)
        samples = samples[samples["role"] != "twin"]
    else:
        samples = tables.trials[tables.trials["status"] == "ok"]
    by_cell = dict(list(samples.groupby("cell_id")[speed.measure]))
    none = pd.Series(dtype=float)
    return [
        by_cell.get(cell_id, none).to_numpy(dtype=float, na_value=np.nan)
        for cell_id in rows.cells["cell_id"]
    ]


def _draw(
    axes: Axes, rows: Rows, styles: CellStyles, speed: Speed, singles: Sequence[Floats]
) -> None:
    medians = rows.cells[f"{speed.measure}_median"].to_numpy(dtype=float)
    errors = speed_errors(rows.cells, speed)
    of_rows = [styles.styles[cell_id] for cell_id in rows.cells["cell_id"]]
    draw_points(axes, medians, rows.positions, of_rows, x_bars=errors)
    for i, look in enumerate(of_rows):
        y = rows.positions[i]
        axes.plot(singles[i], np.full(len(singles[i]), y), "o", ms=3, color=look.colour, alpha=0.45)
        right = np.nanmax([medians[i] + errors[1, i], *singles[i]])
        axes.annotate(
            format_short(medians[i]),
            (right, y),
            (7, 0),
            textcoords="offset points",
            va="center",
            fontsize=9.5,
            color=SOFT_INK,
        )


def _caption(cells: pd.DataFrame, styles: CellStyles, median: str) -> str:
    first, last = cells.iloc[0], cells.iloc[-1]
    fastest = f"{styles.labels[first['cell_id']]} trains {format_short(first[median])} images/s"
    if len(cells) == 1:
        return f"{fastest}."
    factor = first[median] / last[median]
    return f"{fastest}, {factor:.3g} times as many as {styles.labels[last['cell_id']]}."
