"""Layout of figures that have one row per cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.reporting.colours import SOFT_INK
from bench.reporting.figure_style import wrapped
from bench.stats.estimates import Floats

MOST_ROWS = 24  # of more, only the first and the last are drawn
END = 10


@dataclass(frozen=True, eq=False)
class Rows:
    """The cells to draw from top to bottom, their positions, and how many are left out."""

    cells: pd.DataFrame
    names: Sequence[str]
    positions: Floats
    omitted: int

    @property
    def height_in(self) -> float:
        """Return the height of axes that leaves space for the names."""
        lines = max(name.count("\n") + 1 for name in self.names)
        return 0.75 + (0.15 + 0.16 * lines) * (float(self.positions[-1]) + 1)


def rows_of(cells: pd.DataFrame, labels: Mapping[str, str]) -> Rows:
    """Return ordered cells as rows; if there are many, both ends with a gap between them."""
    positions, ends = np.arange(len(cells), dtype=float), cells
    if len(cells) > MOST_ROWS:
        ends = pd.concat([cells.head(END), cells.tail(END)])
        positions = np.concatenate([np.arange(END), np.arange(END) + END + 1.0])
    names = [wrapped(labels[cell_id]) for cell_id in ends["cell_id"]]
    return Rows(ends, names, positions, len(cells) - len(ends))


def name_rows(axes: Axes, rows: Rows) -> None:
    """Label the rows with the cells' names, the first on top, and mark the gap."""
    axes.set_yticks(rows.positions, list(rows.names))
    axes.set_ylim(rows.positions[-1] + 0.6, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    if rows.omitted:
        axes.text(
            0.5, END, f"… {rows.omitted} cells between …", transform=axes.get_yaxis_transform(),
            ha="center", va="center", color=SOFT_INK, fontsize=9.5,
        )  # fmt: skip
