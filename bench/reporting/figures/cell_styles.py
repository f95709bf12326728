"""Colours and markers of cells, the same in every figure of a study, and rows of cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.analysis.configurations import name_cells, naming_fields
from bench.analysis.results import Results
from bench.cell_names import name_by_fields, named_value
from bench.reporting.colours import CELL_COLOURS, INK, OTHER_CELLS, SOFT_INK
from bench.reporting.display_names import measured_cells
from bench.reporting.figure_style import Legend, wrapped
from bench.reporting.sample_notes import speed_of
from bench.stats.estimates import Floats

MARKERS = ("o", "s", "^", "D")
MOST_ROWS = 24  # of more, only the first and the last are drawn
END = 10
COLOUR_EACH = 6  # up to so many cells, each has its own colour and one panel shows them all


@dataclass(frozen=True)
class CellStyle:
    """The colour and the marker of a cell."""

    colour: str
    marker: str = "o"


@dataclass(frozen=True, eq=False)
class CellStyles:
    """The styles of a study's measured cells.

    `cells` are their rows of summary.csv. With a `facet`, each of its values has a marker, and
    cells that differ in nothing else share a colour. Without one, each cell in `shown` has its
    own colour, and the others, if the grid is too large for that, share one.
    """

    cells: pd.DataFrame
    labels: Mapping[str, str]
    styles: Mapping[str, CellStyle]
    shown: Sequence[str]
    facet: str | None
    colour_names: Mapping[str, str]

    @property
    def wide(self) -> bool:
        """Return whether the grid has more cells than styles."""
        return len(self.shown) < len(self.cells)

    @property
    def facet_markers(self) -> dict[str, str]:
        """Return the marker of each value of the facet."""
        if self.facet is None:
            return {}
        return {
            named_value(self.facet, cell[self.facet]): self.styles[cell["cell_id"]].marker
            for cell in self.cells.drop_duplicates(self.facet).to_dict("records")
        }

    def line_legend(self, *, marker: str) -> Legend:
        """Return a legend entry for each colour of a cell."""
        if len(self.cells) == 1:
            return []
        return [
            (Line2D([], [], color=colour, marker=marker, linestyle="" if marker else "-"), name)
            for colour, name in self.colour_names.items()
            if colour != OTHER_CELLS
        ]

    def marker_legend(self) -> Legend:
        """Return a legend entry for each marker of the facet."""
        return [
            (Line2D([], [], color=INK, marker=marker, linestyle=""), name)
            for name, marker in self.facet_markers.items()
        ]


@lru_cache(maxsize=1)  # takes a quarter of a second for a study with a thousand cells
def cell_styles_of(results: Results) -> CellStyles:
    """Return the styles of a study's measured cells."""
    cells = measured_cells(results.summary)
    labels = name_cells(cells)
    fields = naming_fields(cells)
    if len(cells) > COLOUR_EACH and len(fields) > 1:
        for facet in fields:
            others = [field for field in fields if field != facet]
            values = cells[facet].nunique(dropna=False)
            colours = len(cells.drop_duplicates(others))
            if 2 <= values <= len(MARKERS) and colours <= len(CELL_COLOURS):
                return _by_facet(cells, labels, facet, others)
    return _one_by_one(cells, labels)


def _by_facet(
    cells: pd.DataFrame, labels: Mapping[str, str], facet: str, others: Sequence[str]
) -> CellStyles:
    names = [name_by_fields(row, others) for row in cells.to_dict("records")]
    colours = dict(zip(dict.fromkeys(names), CELL_COLOURS, strict=False))
    codes, _ = pd.factorize(cells[facet], use_na_sentinel=False)
    own = [CellStyle(colours[name], MARKERS[i]) for name, i in zip(names, codes, strict=True)]
    styles = dict(zip(cells["cell_id"], own, strict=True))
    colour_names = {colour: name for name, colour in colours.items()}
    return CellStyles(cells, labels, styles, list(styles), facet, colour_names)


def _one_by_one(cells: pd.DataFrame, labels: Mapping[str, str]) -> CellStyles:
    """Return a colour per cell; in a large grid for the fastest and the most accurate ones."""
    shown, count = list(cells["cell_id"]), len(CELL_COLOURS)
    if len(shown) > count:
        speed = cells[f"{speed_of(cells).measure}_median"]
        fastest = cells.loc[speed.nlargest(count // 2).index, "cell_id"]
        others = cells[~cells["cell_id"].isin(fastest)]
        best = others.loc[others["accuracy_mean"].nlargest(count - len(fastest)).index, "cell_id"]
        shown = [cell_id for cell_id in shown if cell_id in {*fastest, *best}]
    styles = dict.fromkeys(cells["cell_id"], CellStyle(OTHER_CELLS))
    styles |= {c: CellStyle(colour) for c, colour in zip(shown, CELL_COLOURS, strict=False)}
    colour_names = {styles[cell_id].colour: labels[cell_id] for cell_id in shown}
    if len(shown) < len(cells):
        colour_names[OTHER_CELLS] = "other cells"
    return CellStyles(cells, labels, styles, shown, None, colour_names)


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
    """Draw n points with (2, n) error bars, as few artists: one each would take seconds."""
    colours = [style.colour for style in styles]
    if x_bars is not None:
        axes.hlines(y, x - x_bars[0], x + x_bars[1], colors=colours, linewidth=1.4, zorder=3)
    if y_bars is not None:
        axes.vlines(x, y - y_bars[0], y + y_bars[1], colors=colours, linewidth=1.4, zorder=3)
    markers = np.array([style.marker for style in styles])
    for marker in dict.fromkeys(markers.tolist()):
        at = markers == marker
        own = np.array(colours)[at]
        axes.scatter(x[at], y[at], s=size, c=own, marker=marker, linewidths=0, zorder=4)


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
