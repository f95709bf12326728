from collections.abc import Callable

import matplotlib.colors
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from bench.analysis.results import Results
from bench.reporting.colours import CELL_COLOURS, OTHER_CELLS, PHASE_COLOURS
from bench.reporting.figure_style import Chart
from bench.reporting.figures.cell_styles import cell_styles_of

Charts = Callable[[str], dict[str, Chart]]
ResultsOf = Callable[[str], Results]


def colours_at(axes: Axes, coordinate: int) -> dict[float, str]:
    """Return the colour of every large point by its x (0) or y (1)."""
    points = [c for c in axes.collections if isinstance(c, PathCollection)]
    return {
        round(float(offset[coordinate]), 6): matplotlib.colors.to_hex(colour)
        for collection in points
        if collection.get_sizes()[0] > 14
        for offset, colour in zip(
            collection.get_offsets(), collection.get_facecolors(), strict=True
        )
    }


@pytest.mark.parametrize("name", ["baseline", "sixteen", "batches", "wide"])
def test_a_cell_has_one_colour_in_every_figure(
    name: str, charts_of: Charts, tables_of: ResultsOf
) -> None:
    charts, styles = charts_of(name), cell_styles_of(tables_of(name))
    speeds = styles.cells.set_index("cell_id")["step_images_per_s_median"].round(6)
    expected = {speeds[cell_id]: styles.styles[cell_id].colour for cell_id in styles.shown}
    on_front = colours_at(charts["accuracy_speed"].figure.axes[0], 0)
    if name != "wide":  # there the front has one colour, since not every label fits
        own = {x: colour for x, colour in on_front.items() if colour != OTHER_CELLS}
        assert own and own.items() <= expected.items()
    in_rows = colours_at(charts["throughput"].figure.axes[0], 0)
    assert in_rows.items() >= {k: v for k, v in expected.items() if k in in_rows}.items()
    assert set(in_rows) & set(expected)
    if name != "wide":
        assert colours_at(charts["by_batch_size"].figure.axes[0], 1) == expected


@pytest.mark.parametrize("name", ["baseline", "timing-off", "sixteen"])
def test_a_learning_curve_has_its_cells_colour(
    name: str, charts_of: Charts, tables_of: ResultsOf
) -> None:
    tables = tables_of(name)
    styles = cell_styles_of(tables)
    final = (100 * styles.cells.set_index("cell_id")["accuracy_mean"]).round(6)
    expected = {final[cell_id]: styles.styles[cell_id].colour for cell_id in styles.shown}
    panels = [axes for axes in charts_of(name)["learning"].figure.axes if axes.get_title("left")]
    drawn = {
        round(float(line.get_ydata()[-1]), 6): line.get_color()
        for axes in panels
        for line in axes.lines
        if line.get_linestyle() == "-"
    }
    assert drawn == expected


def test_cells_that_did_not_run_have_no_colour(tables_of: ResultsOf) -> None:
    styles = cell_styles_of(tables_of("baseline"))
    assert len(styles.cells) == 8
    assert set(styles.cells["device"]) == {"cpu"}
    assert "cpu" not in " ".join(styles.labels.values())


def test_with_many_cells_one_axis_sets_the_marker(tables_of: ResultsOf) -> None:
    styles = cell_styles_of(tables_of("baseline"))
    assert styles.facet == "model"
    by_model = styles.cells["cell_id"].map(lambda c: styles.styles[c].marker)
    assert by_model.groupby(styles.cells["model"]).nunique().to_list() == [1, 1]
    assert by_model.nunique() == 2
    assert len({(style.colour, style.marker) for style in styles.styles.values()}) == 8


def test_a_grid_too_wide_for_colours_shows_its_best_and_fastest(tables_of: ResultsOf) -> None:
    tables = tables_of("wide")
    styles = cell_styles_of(tables)
    assert len(styles.shown) == len(CELL_COLOURS)
    fastest = tables.summary.nlargest(4, "step_images_per_s_median")["cell_id"]
    best = tables.summary.nlargest(4, "accuracy_mean")["cell_id"]
    assert set(styles.shown) == {*fastest, *best}
    hidden = [style.colour for cell, style in styles.styles.items() if cell not in styles.shown]
    assert set(hidden) == {OTHER_CELLS}


def test_no_colour_has_two_meanings() -> None:
    colours = [*CELL_COLOURS, *PHASE_COLOURS.values(), OTHER_CELLS]
    assert len(set(colours)) == len(colours)


def test_a_phase_has_one_colour_in_every_row(charts_of: Charts) -> None:
    axes = charts_of("baseline")["phases"].figure.axes[0]
    drawn = [matplotlib.colors.to_hex(patch.get_facecolor()) for patch in axes.patches]
    assert drawn == [colour for colour in PHASE_COLOURS.values() for _ in range(8)]
