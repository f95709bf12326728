from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.text import Text

from bench.analysis.results import Results
from bench.analysis.summary import summarise
from bench.reporting.figure_style import DPI, WIDTH_IN, Chart, png_bytes
from bench.reporting.figures import FIGURES

Charts = Callable[[str], dict[str, Chart]]

SPEED_AND_PHASES = ["throughput", "phases"]
TRADE = ["accuracy_speed", "accuracy_cost"]
GRID = ["by_model", "by_batch_size", "by_optimizer"]
COMPARED = ["against_baseline", "learning"]
CROSSED = ["against_baseline", "main_effects", "learning"]
PAIRS = ["heat_model_batch_size", "heat_model_optimizer", "heat_optimizer_batch_size"]
EXPECTED = {
    "baseline": [*CROSSED, *SPEED_AND_PHASES, *TRADE, *GRID, *PAIRS],
    "reference": ["learning", *SPEED_AND_PHASES],
    "timing-off": [*CROSSED, "throughput", *TRADE, *GRID, *PAIRS],
    "all-failed": [],
    "one-cell": SPEED_AND_PHASES,
    "no-epochs": ["against_baseline", *SPEED_AND_PHASES, "by_model"],
    "batches": [*COMPARED, *SPEED_AND_PHASES, *TRADE, "by_batch_size"],
    "sixteen": [
        *(*CROSSED, *SPEED_AND_PHASES, *TRADE, *GRID, "by_lr", *PAIRS[:2], "heat_model_lr"),
        *(PAIRS[2], "heat_lr_batch_size", "heat_lr_optimizer"),
    ],
    "long-names": [
        *(*CROSSED, *SPEED_AND_PHASES, *TRADE),
        *("by_model", "by_optimizer", "by_precision", "by_memory_format"),
        *("heat_model_optimizer", "heat_model_precision", "heat_model_memory_format"),
        *("heat_precision_optimizer", "heat_memory_format_optimizer"),
        "heat_memory_format_precision",
    ],
    "wide": [
        *(*CROSSED, *SPEED_AND_PHASES, *TRADE, *GRID, "by_lr", "by_memory_format"),
        *("heat_model_batch_size", "heat_model_optimizer", "heat_model_lr"),
        *("heat_batch_size_optimizer", "heat_batch_size_lr", "heat_lr_optimizer"),
    ],
    "disturbed": [*CROSSED, *SPEED_AND_PHASES, *TRADE, "by_model", "by_lr", "heat_model_lr"],
    "changes": [*COMPARED, *SPEED_AND_PHASES, *TRADE, "by_model_hidden"],
}


def overlapping(texts: Iterable[Text]) -> list[tuple[str, str]]:
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text()]
    return [
        (one, other)
        for (one, a), (other, b) in combinations(boxes, 2)
        if a.shrunk(0.98, 0.9).overlaps(b.shrunk(0.98, 0.9))
    ]


def test_a_study_has_the_figures_its_data_allow(case: str, charts_of: Charts) -> None:
    assert list(charts_of(case)) == EXPECTED[case]


def test_every_figure_has_alternative_text_and_caption(case: str, charts_of: Charts) -> None:
    for chart in charts_of(case).values():
        assert len(chart.alt.split()) >= 5
        assert chart.caption.endswith(".")
        assert "nan" not in chart.caption


def test_nothing_is_cut_at_the_edge(case: str, charts_of: Charts) -> None:
    for stem, chart in charts_of(case).items():
        box = chart.figure.get_tightbbox()
        width, height = chart.figure.get_size_inches()
        assert box.x0 >= 0 and box.y0 >= 0, stem
        assert box.x1 <= width and box.y1 <= height, stem


def test_labels_do_not_overlap(case: str, charts_of: Charts) -> None:
    for stem, chart in charts_of(case).items():
        for axes in chart.figure.axes:
            for axis in (axes.xaxis, axes.yaxis):
                shown = [label for label in axis.get_ticklabels() if label.get_visible()]
                inside = [t for t in shown if axes.bbox.padded(5).overlaps(t.get_window_extent())]
                assert overlapping(inside) == [], stem
            assert overlapping(axes.texts) == [], stem


def test_no_panel_is_empty(case: str, charts_of: Charts) -> None:
    for stem, chart in charts_of(case).items():
        for axes in chart.figure.axes:
            assert axes.lines or axes.collections or axes.patches, stem


def test_a_wide_grid_stays_a_figure(charts_of: Charts) -> None:
    for stem, chart in charts_of("wide").items():
        width, height = chart.figure.get_size_inches()
        assert width == WIDTH_IN
        assert height < 12, stem
    rows = charts_of("wide")["throughput"].figure.axes[0]
    assert len(rows.get_yticks()) == 20
    assert "52 cells between" in " ".join(text.get_text() for text in rows.texts)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_leave_the_global_style_alone(
    name: str, tables_of: Callable[[str], Results]
) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    FIGURES[name](tables_of("one-cell"))
    assert dict(mpl.rcParams) == before


def test_a_picture_is_sharp_on_a_page_and_not_blank(charts_of: Charts, tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    path.write_bytes(png_bytes(charts_of("baseline")["phases"].figure))
    pixels = matplotlib.image.imread(path)
    assert pixels.shape[1] == WIDTH_IN * DPI
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 50


def test_bars_are_milliseconds_or_per_image_where_batch_sizes_differ(
    charts_of: Charts, tables_of: Callable[[str], Results]
) -> None:
    one = charts_of("reference")["phases"].figure.axes[0]
    several = charts_of("batches")["phases"].figure.axes[0]
    assert one.get_xlabel() == "time of a step (ms)"
    assert "per image" in several.get_xlabel() and "µs" in several.get_xlabel()
    row = tables_of("reference").summary.iloc[0]
    phases = ["data", "forward", "backward", "optimizer"]
    total = sum(patch.get_width() for patch in one.patches)
    assert total == pytest.approx(1e3 * sum(row[f"{phase}_median"] for phase in phases))


def test_too_few_blocks_are_called_exploratory(charts_of: Charts) -> None:
    few, enough = charts_of("reference"), charts_of("baseline")
    headers = [" ".join(t.get_text() for t in c["throughput"].figure.texts) for c in (few, enough)]
    assert "exploratory" in headers[0]
    assert "exploratory" not in headers[1]
    assert "95% interval" in headers[1]


def test_cells_without_timing_are_counted(tables_of: Callable[[str], Results]) -> None:
    tables = tables_of("no-epochs")
    timed = tables.timings[tables.timings["model"] == "lenet5"]
    summary = summarise(tables.trials, timed, tables.blocks, tables.costs)
    partly = replace(tables, timings=timed, summary=summary)
    (chart,) = FIGURES["throughput"](partly)
    assert len(chart.figure.axes[0].get_yticks()) == 1
    assert "Not timed: 1 cell" in " ".join(t.get_text() for t in chart.figure.texts)


def test_steps_timed_only_as_a_whole_are_counted_beside_phases(
    tables_of: Callable[[str], Results],
) -> None:
    tables = tables_of("no-epochs")
    is_marked = tables.timings["phase"].isin(["forward", "backward", "optimizer"])
    for whole, shown in (([], 2), (["lenet5"], 1), (["lenet5", "convnet"], 0)):
        timed = tables.timings[~(is_marked & tables.timings["model"].isin(whole))]
        summary = summarise(tables.trials, timed, tables.blocks, tables.costs)
        charts = FIGURES["phases"](replace(tables, timings=timed, summary=summary))
        ticks = [len(chart.figure.axes[0].get_yticks()) for chart in charts]
        assert ticks == ([shown] if shown else [])
        notes = " ".join(t.get_text() for chart in charts for t in chart.figure.texts)
        assert ("Not timed by phase: 1 cell" in notes) == (len(whole) == 1)


def test_an_axis_shows_only_values_that_a_line_joins(tables_of: Callable[[str], Results]) -> None:
    tables = tables_of("baseline")
    momentum = {"optimizer.momentum": [None, 0.9, 0.0], "optimizer": ["adam", "sgd", "sgd"]}
    cells = tables.summary[tables.summary["seeds"] > 0].head(3)
    alike = cells.assign(model="convnet", batch_size=64, lr=0.1, **momentum)
    (chart,) = FIGURES["axes"](replace(tables, summary=alike))
    assert chart.stem == "by_optimizer_momentum"
    ticks = [label.get_text() for label in chart.figure.axes[0].get_xticklabels()]
    assert ticks == ["0", "0.9"]


def test_names_with_mathematical_markup_are_drawn_literally(
    tables_of: Callable[[str], Results],
) -> None:
    tables = tables_of("no-epochs")

    def renamed(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(model=frame["model"].replace("convnet", r"$\frac{a_b$"))

    strange = replace(
        tables,
        trials=renamed(tables.trials),
        timings=renamed(tables.timings),
        summary=renamed(tables.summary),
    )
    (chart,) = FIGURES["throughput"](strange)
    assert png_bytes(chart.figure)
    names = [label.get_text() for label in chart.figure.axes[0].get_yticklabels()]
    assert r"$\frac{a_b$" in names
    (compared,) = FIGURES["against_baseline"](strange)
    assert png_bytes(compared.figure)
    assert r"$\frac{a_b$" in compared.figure.texts[1].get_text()


def test_a_perfect_score_stays_inside_the_frame(tables_of: Callable[[str], Results]) -> None:
    tables = tables_of("batches")
    accuracies = tables.summary["accuracy_mean"].where(tables.summary.index > 0, 1.0)
    perfect = tables.summary.assign(accuracy_mean=accuracies, accuracy_high=1.0)
    (chart,) = FIGURES["accuracy_speed"](replace(tables, summary=perfect))
    chart.figure.draw_without_rendering()
    axes = chart.figure.axes[0]
    heights = [
        axes.transAxes.inverted().transform(axes.transData.transform(offset))[1]
        for points in axes.collections
        if isinstance(points, PathCollection)
        for offset in points.get_offsets()
    ]
    assert len(heights) == 7
    assert 0 < min(heights) < max(heights) < 1
    assert 100 in axes.get_yticks()


@pytest.mark.parametrize("name", ["batches", "sixteen", "disturbed"])
def test_no_interval_of_a_step_exceeds_its_axes(name: str, charts_of: Charts) -> None:
    axes = charts_of(name)["phases"].figure.axes[0]
    (intervals,) = (c for c in axes.collections if isinstance(c, LineCollection))
    ends = np.array([segment[:, 0] for segment in intervals.get_segments()])
    assert len(ends) == len(axes.get_yticks())
    assert ends.min() > 0 and ends.max() < axes.get_xlim()[1]


def test_equal_seeds_can_be_drawn(
    tables_of: Callable[[str], Results],
) -> None:
    tables = tables_of("baseline")
    same = tables.epochs.assign(test_loss=0.4)  # by rounding, the mean of three is above 0.4
    assert same.groupby(["cell_id", "epoch"])["test_loss"].mean().gt(0.4).any()
    (chart,) = FIGURES["learning"](replace(tables, epochs=same))
    assert chart.figure.axes
