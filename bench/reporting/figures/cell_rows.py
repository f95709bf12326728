"""Figures with a row a cell: which cells, where, and how the rows are named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.reporting.figure_style import SOFT_INK, only_grid, wrapped
from bench.stats.estimates import Floats

MANY = 24  # more rows than this: the first and the last of them only
END = 10


@dataclass(frozen=True, eq=False)
class Rows:
    """The cells to draw from top to bottom, where each stands, and how many are left out."""

    cells: pd.DataFrame
    names: Sequence[str]
    positions: Floats
    omitted: int

    @property
    def height_in(self) -> float:
        """Tell the height of axes in which the rows' names have room."""
        lines = max(name.count("\n") + 1 for name in self.names)
        return 0.75 + (0.15 + 0.16 * lines) * (float(self.positions[-1]) + 1)


def rows_of(cells: pd.DataFrame, labels: Mapping[str, str]) -> Rows:
    """Place ordered cells in rows; of many, both ends with a gap between them."""
    positions = np.arange(len(cells), dtype=float)
    ends = cells
    if len(cells) > MANY:
        ends = pd.concat([cells.head(END), cells.tail(END)])
        positions = np.concatenate([np.arange(END), np.arange(END) + END + 1.0])
    names = [wrapped(labels[cell_id]) for cell_id in ends["cell_id"]]
    return Rows(ends, names, positions, len(cells) - len(ends))


def name_rows(axes: Axes, rows: Rows) -> None:
    """Write the cells' names at the rows, the first on top, and mark the gap."""
    axes.set_yticks(rows.positions, list(rows.names))
    axes.set_ylim(rows.positions[-1] + 0.6, -0.6)
    axes.tick_params(axis="y", length=0)
    only_grid(axes, "x")
    if rows.omitted:
        axes.text(
            0.5,
            END,
            f"… {rows.omitted} cells between …",
            transform=axes.get_yaxis_transform(),
            ha="center",
            va="center",
            color=SOFT_INK,
            fontsize=9.5,
        )
