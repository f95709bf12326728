"""Which cells differ from the baseline cell, and by how much."""

from collections.abc import Sequence

import pandas as pd

from bench.analysis.comparisons import ACCURACY
from bench.analysis.results import Results
from bench.cell_names import UNCHANGED
from bench.formatting import join_words, plural
from bench.reporting.figure_style import styled
from bench.reporting.figures.cell_rows import rows_of
from bench.reporting.figures.cell_styles import cell_styles_of
from bench.reporting.figures.figure import Chart
from bench.reporting.figures.forest import Panel, draw_forest, forest_caption, forest_panels


@styled
def against_baseline(tables: Results) -> Sequence[Chart]:
    """Draw every cell's time of a step and test accuracy against the baseline's, fastest first.

    A one-at-a-time study is drawn as its changes, the one that costs most accuracy first.
    """
    changes = tables.ordered_changes
    panels = panels_of(tables)
    if not panels:
        return ()
    styles = cell_styles_of(tables)
    baseline = styles.labels[str(tables.comparisons["baseline_id"].iloc[0])]
    if changes:
        names = {cell_id: change.name for cell_id, change in changes.items()}
        cells = styles.cells.set_index("cell_id", drop=False).loc[list(changes)]
        title = "What does each change do, all else equal?"
        note = "" if baseline == UNCHANGED else f"Baseline: {baseline}"
        panels = panels[::-1]
    else:
        names, cells = dict(styles.labels), _ordered(styles.cells, panels)
        title, note = f"How does each cell compare with {baseline}?", ""
    figure = draw_forest(title, note, rows_of(cells, names), panels)
    measures = join_words(panel.name for panel in panels)
    rows = plural(len(cells), panels[0].noun)
    against = "the baseline cell" if baseline == UNCHANGED else baseline
    alt = f"{measures} of {rows} against {against}, with intervals"
    return (Chart("against_baseline", figure, alt[0].upper() + alt[1:], forest_caption(panels)),)


def panels_of(tables: Results) -> list[Panel]:
    """Make a panel of each measure that was compared with the baseline cell's."""
    return forest_panels(
        tables.comparisons.set_index("cell_id"),
        "change" if tables.ordered_changes else "cell",
        per_image=tables.trials["batch_size"].nunique() > 1,
    )


def _ordered(cells: pd.DataFrame, panels: Sequence[Panel]) -> pd.DataFrame:
    """Take the compared cells: by time, fastest first, or by accuracy where none was timed."""
    known = pd.concat([panel.values["value"] for panel in panels], axis=1)
    compared = cells[cells["cell_id"].isin(known.index)]
    first = compared["cell_id"].map(panels[0].values["value"]).astype(float)
    order = first.sort_values(ascending=panels[0].measure != ACCURACY, kind="stable").index
    return compared.loc[order]
