from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.markers import CARETLEFT

from bench.analysis.comparisons import compare_with_baseline
from bench.analysis.results import Results
from bench.reporting.colours import CELL_COLOURS, OTHER_CELLS, PHASE_COLOURS
from bench.reporting.figure_style import Chart, png_bytes
from bench.reporting.figures import FIGURES
from bench.reporting.figures.cell_styles import cell_styles_of
from bench.reporting.figures.forest import NO_INTERVAL, VERDICT_STYLES

Charts = Callable[[str], dict[str, Chart]]
ResultsOf = Callable[[str], Results]

ONE_AT_A_TIME = ("no-epochs", "batches", "changes")
DRAWN = ["step", "test_accuracy"]
WORDS = {
    "step": ("faster", "slower", "equivalent", "inconclusive"),
    "test_accuracy": ("better", "worse", "equivalent", "inconclusive"),
}


def draw(tables: Results) -> Chart:
    (chart,) = FIGURES["against_baseline"](tables)
    chart.figure.draw_without_rendering()
    return chart


def compared(tables: Results, measure: str) -> pd.DataFrame:
    rows = tables.comparisons
    return rows[rows["measure"] == measure].set_index("cell_id").astype({"low": float})


def panel_of(chart: Chart, measure: str) -> Axes:
    word = "time of a step" if measure == "step" else "test accuracy"
    (axes,) = [a for a in chart.figure.axes if a.get_xlabel().startswith(word)]
    return axes


def drawn_points(axes: Axes) -> dict[float, float]:
    """Return the x of every point by its row."""
    points = [c for c in axes.collections if isinstance(c, PathCollection)]
    return {float(y): float(x) for c in points for x, y in c.get_offsets()}


def header(chart: Chart) -> str:
    return " ".join(text.get_text() for text in chart.figure.texts).replace("\n", " ")


def legend_words(chart: Chart) -> list[str]:
    (legend,) = chart.figure.legends
    return [text.get_text() for text in legend.get_texts()]


def labels_overlap(chart: Chart) -> bool:
    boxes = [axes.xaxis.label.get_window_extent() for axes in chart.figure.axes]
    return any(a.overlaps(b) for a, b in combinations(boxes, 2)) or any(
        box.x0 < 0 or box.x1 > chart.figure.bbox.x1 for box in boxes
    )


def test_the_panels_labels_do_not_overlap(case: str, charts_of: Charts) -> None:
    chart = charts_of(case).get("against_baseline")
    assert chart is None or not labels_overlap(chart)


def test_a_chart_exists_if_anything_was_compared(
    case: str, charts_of: Charts, tables_of: ResultsOf
) -> None:
    measures = tables_of(case).comparisons["measure"]
    assert ("against_baseline" in charts_of(case)) == measures.isin(DRAWN).any()


def test_each_compared_measure_has_a_panel(
    case: str, charts_of: Charts, tables_of: ResultsOf
) -> None:
    measures = set(tables_of(case).comparisons["measure"]) & set(DRAWN)
    chart = charts_of(case).get("against_baseline")
    assert len(chart.figure.axes if chart else []) == len(measures)


@pytest.mark.parametrize("name", ["long-names", "disturbed"])
def test_points_are_at_the_ratios_fastest_first(
    name: str, charts_of: Charts, tables_of: ResultsOf
) -> None:
    steps = compared(tables_of(name), "step").sort_values("ratio")
    axes = panel_of(charts_of(name)["against_baseline"], "step")
    drawn = drawn_points(axes)
    assert [drawn[row] for row in sorted(drawn)] == pytest.approx(steps["ratio"].to_list())
    labels = cell_styles_of(tables_of(name)).labels
    names = [text.get_text().replace("\n", " ") for text in axes.get_yticklabels()]
    assert names == [labels[cell_id] for cell_id in steps.index]


def test_changes_are_ordered_by_their_cost_in_accuracy(
    charts_of: Charts, tables_of: ResultsOf
) -> None:
    rows = compared(tables_of("changes"), "test_accuracy").sort_values("difference")
    axes = panel_of(charts_of("changes")["against_baseline"], "test_accuracy")
    drawn = drawn_points(axes)
    assert [drawn[row] for row in sorted(drawn)] == pytest.approx(
        (100 * rows["difference"]).to_list()
    )
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert (names[0], names[-1]) == ("hidden 500 → 20", "batch 512 → 64")
    assert axes is charts_of("changes")["against_baseline"].figure.axes[0]


def test_times_are_per_image_where_batch_sizes_differ(
    charts_of: Charts, tables_of: ResultsOf
) -> None:
    tables = tables_of("batches")
    steps = compared(tables, "step")
    assert (steps["verdict"] == "IMPROVED").all()  # larger batches, though their steps are longer
    axes = panel_of(charts_of("batches")["against_baseline"], "step")
    assert sorted(drawn_points(axes).values()) == pytest.approx(sorted(steps["ratio"]))
    assert "per image" in axes.get_xlabel()
    assert legend_words(charts_of("batches")["against_baseline"])[0] == "faster"


@pytest.mark.parametrize("name", ["timing-off", "baseline", "disturbed"])
def test_accuracies_are_differences_in_percentage_points(
    name: str, charts_of: Charts, tables_of: ResultsOf
) -> None:
    tables = tables_of(name)
    accuracies = tables.trials.pivot(index="seed", columns="cell_id", values="test_accuracy")
    rows = compared(tables, "test_accuracy")
    pairs = 100 * accuracies[rows.index].sub(accuracies[rows["baseline_id"].iloc[0]], axis=0)
    axes = panel_of(charts_of(name)["against_baseline"], "test_accuracy")
    assert sorted(drawn_points(axes).values()) == pytest.approx(sorted(pairs.mean()))
    lines = [c for c in axes.collections if not isinstance(c, PathCollection)]
    widths = [np.ptp(path.vertices[:, 0]) for c in lines for path in c.get_paths()]
    expected = 100 * rows["before"] * (rows["high"] - rows["low"])
    assert sorted(widths) == pytest.approx(sorted(expected.astype(float)), rel=1e-5)


def test_the_band_is_the_noise_floor(case: str, charts_of: Charts, tables_of: ResultsOf) -> None:
    if "against_baseline" not in charts_of(case):
        return
    for measure in set(tables_of(case).comparisons["measure"]) & set(DRAWN):
        axes = panel_of(charts_of(case)["against_baseline"], measure)
        floors = compared(tables_of(case), measure)["floor"]
        border = 1.0 if measure == "step" else 0.0
        expected = set(floors.round(9)) if measure == "step" else {0.0}
        drawn = {round(band.get_width() / 2, 9) for band in axes.patches}
        assert drawn and drawn <= expected
        middles = [band.get_x() + band.get_width() / 2 for band in axes.patches]
        assert middles == pytest.approx([border] * len(middles))


@pytest.mark.parametrize("name", ["timing-off", "no-epochs", "long-names", "disturbed"])
def test_the_legend_lists_the_verdicts_that_occur(
    name: str, charts_of: Charts, tables_of: ResultsOf
) -> None:
    expected: dict[str, None] = {}
    for i, judged in enumerate(VERDICT_STYLES):
        words = []
        for measure in DRAWN:
            rows = compared(tables_of(name), measure)
            if ((rows["verdict"] == judged) & rows["low"].notna()).any():
                words.append(WORDS[measure][i])
        if words:
            expected[" / ".join(dict.fromkeys(words))] = None
    without = [compared(tables_of(name), m)["low"].isna().any() for m in DRAWN]
    expected |= {NO_INTERVAL: None} if any(without) else {}
    assert legend_words(charts_of(name)["against_baseline"]) == list(expected)


def test_too_few_blocks_are_hollow_and_called_exploratory(
    charts_of: Charts, tables_of: ResultsOf
) -> None:
    chart, steps = (
        charts_of("disturbed")["against_baseline"],
        compared(tables_of("disturbed"), "step"),
    )
    few = steps[steps["n"] < 6]
    assert list(few.index) == ["c002"]
    points = [c for c in panel_of(chart, "step").collections if isinstance(c, PathCollection)]
    hollow = [c.get_offsets()[:, 0] for c in points if (c.get_facecolors() == 1).all()]
    assert np.concatenate(hollow) == pytest.approx(few["ratio"].to_numpy())
    assert "Hodges–Lehmann estimate over 3–7 timing sets, exploratory in 1 cell" in header(chart)
    assert "exploratory" not in header(charts_of("baseline")["against_baseline"])


def test_disturbed_pairs_are_counted(charts_of: Charts) -> None:
    assert "Left out as disturbed: 10 pairs" in header(charts_of("disturbed")["against_baseline"])
    assert "disturbed" not in header(charts_of("baseline")["against_baseline"])


def test_the_title_names_the_baseline(case: str, charts_of: Charts, tables_of: ResultsOf) -> None:
    chart = charts_of(case).get("against_baseline")
    if chart is not None:
        baseline = cell_styles_of(tables_of(case)).labels["c000"]
        expected = f"How does each cell compare with {baseline}?"
        if case in ONE_AT_A_TIME:
            expected = f"What does each change do, all else equal? Baseline: {baseline}. "
        assert header(chart).startswith(expected)
        assert baseline in chart.alt


def test_the_caption_counts_the_verdicts(charts_of: Charts) -> None:
    caption = charts_of("disturbed")["against_baseline"].caption
    assert caption.startswith("Time of a step of 5 cells: 3 faster, 2 inconclusive (0.16")
    assert "Test accuracy of 5 cells: 3 worse, 2 inconclusive (−3." in caption


def test_one_seed_has_a_point_without_interval(tables_of: ResultsOf) -> None:
    tables = tables_of("timing-off")
    trials = tables.trials[tables.trials["seed"] == 0]
    one = replace(
        tables,
        trials=trials,
        comparisons=compare_with_baseline(trials, tables.timings, tables.blocks),
    )
    chart = draw(one)
    assert legend_words(chart) == [NO_INTERVAL]
    assert "Value of 1 seed, exploratory" in header(chart)
    assert "95%" not in header(chart)
    assert len(drawn_points(chart.figure.axes[0])) == 7


def test_a_bar_that_would_flatten_the_rest_is_clipped_with_an_arrow(tables_of: ResultsOf) -> None:
    tables = tables_of("disturbed")
    rows = tables.comparisons
    long = (rows["cell_id"] == "c005") & (rows["measure"] == "test_accuracy")
    chart = draw(
        replace(
            tables,
            comparisons=rows.assign(difference_low=rows["difference_low"].where(~long, -0.9)),
        )
    )
    axes = panel_of(chart, "test_accuracy")
    assert axes.get_xlim()[0] > -10
    arrows = [
        line for line in axes.lines if line.get_marker() == CARETLEFT and len(line.get_xdata())
    ]
    assert [(*line.get_xdata(), *line.get_ydata()) for line in arrows] == [(axes.get_xlim()[0], 0)]
    assert "arrow" in axes.get_xlabel()
    assert "arrow" not in panel_of(chart, "step").get_xlabel()
    assert png_bytes(chart.figure)


def test_a_network_that_learnt_nothing_does_not_flatten_the_others(tables_of: ResultsOf) -> None:
    tables = tables_of("long-names")
    lost = tables.trials["cell_id"] == "c003"
    accuracies = tables.trials["test_accuracy"].where(~lost, 0.1)
    trials = tables.trials.assign(test_accuracy=accuracies)
    comparisons = compare_with_baseline(trials, tables.timings, tables.blocks)
    chart = draw(replace(tables, comparisons=comparisons))
    assert not labels_overlap(chart)
    axes = panel_of(chart, "test_accuracy")
    assert "log scale" in axes.get_xlabel()
    places = np.array([(x, 0) for x in sorted(drawn_points(axes).values())])
    across = axes.transAxes.inverted().transform(axes.transData.transform(places))[:, 0]
    assert 0.03 < across[0] < across[1] < across[-1] < 1
    assert across[-1] - across[1] > 0.15


@pytest.mark.parametrize("spread", [1.001, 1.2, 4.0, 1e4])
@pytest.mark.parametrize("towards", [-1, 1])
def test_ticks_of_ratios_are_few_and_include_the_baseline(
    spread: float, towards: int, tables_of: ResultsOf
) -> None:
    tables = tables_of("disturbed")
    rows = tables.comparisons
    scale = spread**towards / rows["ratio"].where(rows["cell_id"] == "c005", 1.0)
    steps = (rows["measure"] == "step") & (rows["cell_id"] == "c005")
    scaled = rows.assign(
        **{k: rows[k].where(~steps, rows[k] * scale) for k in ("ratio", "low", "high")}
    )
    alone = scaled[scaled["cell_id"] == "c005"]
    axes = panel_of(draw(replace(tables, comparisons=alone)), "step")
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert 1 in ticks
    assert 2 <= len(ticks) <= 6
    assert len({text.get_text() for text in axes.get_xticklabels()}) == len(axes.get_xticks())


def test_verdicts_have_distinct_shapes_and_colours() -> None:
    styles = VERDICT_STYLES.values()
    assert len({style.marker for style in styles}) == len(styles)
    colours = [
        *CELL_COLOURS,
        *PHASE_COLOURS.values(),
        OTHER_CELLS,
        *(style.colour for style in styles),
    ]
    assert len({colour.lower() for colour in colours}) == len(colours)
