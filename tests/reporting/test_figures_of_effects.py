"""Main effects, heat maps and fronts show the values of the tables."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from bench.analysis.results import Results
from bench.reporting.colours import OTHER_CELLS
from bench.reporting.figure_style import Chart
from bench.reporting.figures import FIGURES
from bench.reporting.figures.cell_styles import cell_styles_of
from bench.reporting.figures.heat_maps import MOST_VALUES
from bench.stats.pareto import pareto_front

Charts = Callable[[str], dict[str, Chart]]
ResultsOf = Callable[[str], Results]


def header(chart: Chart) -> str:
    return " ".join(text.get_text() for text in chart.figure.texts).replace("\n", " ")


def points_of(axes: Axes) -> dict[tuple[float, float], bool]:
    """Return for every point whether it is grey."""
    drawn = [c for c in axes.collections if isinstance(c, PathCollection)]
    grey = np.array([int(OTHER_CELLS[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    found = {}
    for points in drawn:
        colours = np.broadcast_to(points.get_facecolors(), (len(points.get_offsets()), 4))
        for (x, y), colour in zip(points.get_offsets(), colours, strict=True):
            found[round(float(x), 6), round(float(y), 6)] = bool(np.allclose(colour[:3], grey))
    return found


def test_main_effects_have_one_row_each_in_table_order(
    charts_of: Charts, tables_of: ResultsOf
) -> None:
    effects = tables_of("sixteen").main_effects
    times, accuracies = charts_of("sixteen")["main_effects"].figure.axes
    names = [label.get_text() for label in times.get_yticklabels()]
    assert names == list(dict.fromkeys(effects["effect"]))
    of_time = effects.loc[effects["measure"] == "step", "ratio"]
    assert sorted(x for x, _ in points_of(times)) == pytest.approx(sorted(of_time), abs=1e-5)
    of_accuracy = 100 * effects.loc[effects["measure"] == "test_accuracy", "difference"]
    drawn = sorted(x for x, _ in points_of(accuracies))
    assert drawn == pytest.approx(sorted(of_accuracy), abs=1e-5)


def test_a_heat_map_averages_over_the_other_axes(charts_of: Charts, tables_of: ResultsOf) -> None:
    cells = tables_of("sixteen").summary
    accuracy, speed = charts_of("sixteen")["heat_model_batch_size"].figure.axes
    by_pair = cells.groupby(["model", "batch_size"])
    means = (100 * by_pair["accuracy_mean"].mean()).to_list()
    assert [text.get_text() for text in accuracy.texts] == [f"{mean:.2f}" for mean in means]
    logs = by_pair["step_images_per_s_median"].agg(lambda x: np.exp(np.log(x).mean()))
    drawn = [float(text.get_text().removesuffix("k")) * 1e3 for text in speed.texts]
    assert drawn == pytest.approx(logs.to_list(), rel=5e-3)
    assert [label.get_text() for label in accuracy.get_xticklabels()] == ["64", "512"]
    assert [label.get_text() for label in accuracy.get_yticklabels()] == ["convnet", "lenet5"]


def test_darker_is_more_accurate(charts_of: Charts) -> None:
    axes = charts_of("sixteen")["heat_model_batch_size"].figure.axes[0]
    light = axes.collections[0].get_facecolors()[:, :3].mean(axis=1)
    percents = [float(text.get_text()) for text in axes.texts]
    assert np.argsort(light).tolist() == np.argsort(percents)[::-1].tolist()


def test_of_many_axes_those_that_change_accuracy_most_are_paired(charts_of: Charts) -> None:
    stems = [stem for stem in charts_of("wide") if stem.startswith("heat_")]
    assert len(stems) == 6
    assert not any("memory_format" in stem for stem in stems)
    assert "Of 5 axes the 4" in header(charts_of("wide")[stems[0]])
    assert "Of " not in header(charts_of("sixteen")["heat_model_batch_size"])


def test_axes_with_too_many_values_have_no_heat_map(tables_of: ResultsOf) -> None:
    tables = tables_of("sixteen")
    cells = tables.summary.iloc[[0] * 2 * (MOST_VALUES + 1)].reset_index(drop=True)
    n = len(cells)
    grid = {"batch_size": np.arange(n) // 2, "model": ["convnet", "lenet5"] * (n // 2)}
    cells = cells.assign(cell_id=[f"c{i:03d}" for i in range(n)], **grid)
    trials = pd.concat([tables.trials.iloc[:1].assign(cell_id=c) for c in cells["cell_id"]])
    assert list(FIGURES["heat_maps"](replace(tables, summary=cells, trials=trials))) == []
    fewer, ran = cells.iloc[:-2], trials.iloc[:-2]
    (chart,) = FIGURES["heat_maps"](replace(tables, summary=fewer, trials=ran))
    assert chart.stem == "heat_batch_size_model"


@pytest.mark.parametrize("name", ["baseline", "sixteen", "wide", "changes"])
@pytest.mark.parametrize("stem", ["accuracy_speed", "accuracy_cost"])
def test_dominated_cells_are_grey_and_the_others_are_not(
    name: str, stem: str, charts_of: Charts, tables_of: ResultsOf
) -> None:
    cells = cell_styles_of(tables_of(name)).cells
    axes = charts_of(name)[stem].figure.axes[0]
    column, sign = ("step_images_per_s", -1) if stem == "accuracy_speed" else ("train_s", 1)
    x, y = cells[f"{column}_median"], 100 * cells["accuracy_mean"]
    front = pareto_front(y, sign * x)
    expected = {(round(a, 6), round(b, 6)): not on for a, b, on in zip(x, y, front, strict=True)}
    assert points_of(axes) == expected
    assert 0 < front.sum() < len(front)


def test_the_line_joins_the_front_and_no_dominated_cell(charts_of: Charts) -> None:
    for chart, towards in (("accuracy_cost", 1), ("accuracy_speed", -1)):
        axes = charts_of("sixteen")[chart].figure.axes[0]
        corners = {(round(x, 6), round(y, 6)) for x, y in axes.lines[0].get_xydata()}
        points = points_of(axes)
        assert {point for point, grey in points.items() if not grey} <= corners
        x, y = axes.lines[0].get_data()
        assert (np.diff(y) >= 0).all() and (towards * np.diff(x) >= 0).all()


def test_flops_count_every_training_image(charts_of: Charts, tables_of: ResultsOf) -> None:
    cells = tables_of("baseline").summary
    _, flops = charts_of("baseline")["accuracy_cost"].figure.axes
    expected = 6.2 * cells["parameters"].dropna().astype(float).unique() * 60_000 * 2  # two epochs
    drawn = sorted({x for x, _ in points_of(flops)})
    assert drawn == pytest.approx(sorted(expected))
    assert sum(not grey for grey in points_of(flops).values()) == 2  # one of each network


def test_equal_flops_are_not_drawn(charts_of: Charts) -> None:
    assert len(charts_of("batches")["accuracy_cost"].figure.axes) == 1
    assert "FLOPs" not in header(charts_of("batches")["accuracy_cost"])


def test_the_caption_of_a_front_mentions_means(charts_of: Charts) -> None:
    caption = charts_of("baseline")["accuracy_cost"].caption
    assert "6 of 8 by training time, 2 of 8 by training FLOPs" in caption
    assert "means and medians alone; where bars overlap it may be chance" in caption


def test_few_cells_all_have_labels(charts_of: Charts) -> None:
    names = {text.get_text() for text in charts_of("changes")["accuracy_cost"].figure.axes[0].texts}
    assert {"baseline", "batch 512 → 64", "model convnet → lenet5", "hidden 500 → 20"} <= names


def test_a_grid_without_training_and_timing_has_no_heat_map(tables_of: ResultsOf) -> None:
    tables = tables_of("sixteen")
    nothing = [name for name in tables.summary if name.endswith("images_per_s_median")]
    summary = tables.summary.assign(**dict.fromkeys(nothing, np.nan))
    untrained = replace(tables, summary=summary, trials=tables.trials.assign(epochs_done=0))
    assert untrained.summary["accuracy_mean"].notna().all()
    assert not list(FIGURES["heat_maps"](untrained))
