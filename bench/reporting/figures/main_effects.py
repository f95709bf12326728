"""What each axis of a full grid does by itself."""

from collections.abc import Sequence

import pandas as pd

from bench.analysis.results import Results
from bench.formatting import join_words, plural
from bench.reporting.figure_style import styled
from bench.reporting.figures.cell_rows import rows_of
from bench.reporting.figures.figure import Chart
from bench.reporting.figures.forest import draw_forest, forest_caption, forest_panels

NOTE = "Means over every combination of the other axes"


@styled
def effects_of_axes(tables: Results) -> Sequence[Chart]:
    """Draw the main effects of a full grid on the time of a step and on accuracy, by axis."""
    effects = tables.main_effects
    per_image = tables.trials["batch_size"].nunique() > 1
    panels = forest_panels(effects.set_index("effect"), "main effect", per_image=per_image)
    if not panels:
        return ()
    names = list(dict.fromkeys(effects["effect"]))
    rows = rows_of(pd.DataFrame({"cell_id": names}), {name: name for name in names})
    figure = draw_forest(
        "What does each axis change, on average over the others?", NOTE, rows, panels
    )
    measures = join_words(panel.name for panel in panels)
    alt = f"{plural(len(names), 'main effect')} on {measures}, with intervals"
    return (Chart("main_effects", figure, alt[0].upper() + alt[1:], forest_caption(panels)),)
