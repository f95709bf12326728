"""Who plays which colour: one look a cell, the same in every figure of a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.lines import Line2D

from bench.analysis.configurations import cell_labels, label_fields
from bench.analysis.results import Results
from bench.cell_names import label, named_value
from bench.reporting.display_names import measured_cells
from bench.reporting.figure_style import CELL_COLOURS, INK, MARKERS, OTHERS
from bench.reporting.sample_notes import speed_of

ALONE = 6  # up to so many cells, each has a colour of its own and one panel holds them all


@dataclass(frozen=True)
class CellStyle:
    """The colour and the marker of a cell."""

    colour: str
    marker: str


@dataclass(frozen=True, eq=False)
class CellStyles:
    """How the measured cells of a study are told apart.

    `cells` are their rows of summary.csv. With a `facet`, its values have a marker each, and
    cells that differ in nothing else share a colour. Without one, every cell in `shown` has a
    colour of its own; where the grid is too wide for that, the rest look alike.
    """

    cells: pd.DataFrame
    labels: Mapping[str, str]
    styles: Mapping[str, CellStyle]
    shown: Sequence[str]
    facet: str | None
    colour_names: Mapping[str, str]

    @property
    def wide(self) -> bool:
        """Tell whether the grid has more cells than styles."""
        return len(self.shown) < len(self.cells)

    def legend(
        self, *, facets: bool = True, line: bool = False, others: bool = True
    ) -> list[tuple[Artist, str]]:
        """List what the legend says: the colours, and the markers if `facets` are in one panel."""
        if len(self.cells) == 1:
            return []
        entries = [
            (colour, "" if line else "o", name)
            for colour, name in self.colour_names.items()
            if others or colour != OTHERS
        ]
        if self.facet is not None and facets:
            named = self.cells.assign(look=self.cells["cell_id"].map(self.styles))
            for value, group in named.groupby(self.facet, sort=False, dropna=False):
                entries.append((INK, group["look"].iloc[0].marker, named_value(self.facet, value)))
        return [
            (Line2D([], [], color=colour, marker=marker, linestyle="-" if line else ""), name)
            for colour, marker, name in entries
        ]


@lru_cache(maxsize=1)  # of a study with a thousand cells it takes a quarter of a second
def cell_styles_of(tables: Results) -> CellStyles:
    """Choose the styles of a study's measured cells; every figure asks here."""
    cells = measured_cells(tables.summary)
    labels = cell_labels(cells)
    fields = label_fields(cells)
    if len(cells) > ALONE and len(fields) > 1:
        for facet in fields:
            rest = [field for field in fields if field != facet]
            panels = cells[facet].nunique(dropna=False)
            colours = len(cells.drop_duplicates(rest))
            if 2 <= panels <= len(MARKERS) and colours <= len(CELL_COLOURS):
                return _by_facet(cells, labels, facet, rest)
    return _one_by_one(cells, labels)


def _by_facet(
    cells: pd.DataFrame, labels: Mapping[str, str], facet: str, rest: Sequence[str]
) -> CellStyles:
    names = [label(row, rest) for row in cells.to_dict("records")]
    colours = dict(zip(dict.fromkeys(names), CELL_COLOURS, strict=False))
    panels, _ = pd.factorize(cells[facet], use_na_sentinel=False)
    styles = {
        cell_id: CellStyle(colours[name], MARKERS[panel])
        for cell_id, name, panel in zip(cells["cell_id"], names, panels, strict=True)
    }
    colour_names = {colour: name for name, colour in colours.items()}
    return CellStyles(cells, labels, styles, list(styles), facet, colour_names)


def _one_by_one(cells: pd.DataFrame, labels: Mapping[str, str]) -> CellStyles:
    shown = list(cells["cell_id"])
    if len(shown) > len(CELL_COLOURS):
        shown = _extremes(cells, len(CELL_COLOURS))
    styles = dict.fromkeys(cells["cell_id"], CellStyle(OTHERS, "o"))
    styles |= {
        cell_id: CellStyle(colour, "o")
        for cell_id, colour in zip(shown, CELL_COLOURS, strict=False)
    }
    colour_names = {styles[cell_id].colour: labels[cell_id] for cell_id in shown}
    if len(shown) < len(cells):
        colour_names[OTHERS] = "the others"
    return CellStyles(cells, labels, styles, shown, None, colour_names)


def _extremes(cells: pd.DataFrame, count: int) -> list[str]:
    """Pick the most accurate and the fastest cells, half of each, in the grid's order."""
    speed = cells[f"{speed_of(cells).measure}_median"]
    fastest = cells.loc[speed.nlargest(count // 2).index, "cell_id"]
    others = cells[~cells["cell_id"].isin(fastest)]
    best = others.loc[others["accuracy_mean"].nlargest(count - len(fastest)).index, "cell_id"]
    chosen = {*fastest, *best}
    return [cell_id for cell_id in cells["cell_id"] if cell_id in chosen]
