import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.collections import PathCollection

from bench.analysis.results import Results, read_results
from bench.records import ROWS, columns_of
from bench.reporting.columns import Column
from bench.reporting.figure_style import STYLE, Chart
from bench.reporting.figures.sensitivity import sensitivity
from bench.reporting.tuning_section import (
    AT_EDGE,
    NO_TRIAL_FINISHED,
    tuning_findings,
    tuning_note,
    tuning_section,
)

Study = Callable[..., Results]

BASE: Mapping[str, Any] = {
    "study": "tuned",
    "model": "convnet",
    "dataset": "mnist",
    "batch_size": 512,
    "optimizer": "adam",
    "lr": 0.001,
    "device": "cpu",
    "threads": 2,
    "epochs": 2,
    "optimizer.momentum": None,
}
RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
BEST_RATE = {"adam": 0.001, "sgd": 0.1}
ADAM_OR_SGD: Mapping[str, Sequence[Any]] = {"optimizer": ["adam", "sgd"]}
MODELS: Mapping[str, Sequence[Any]] = {"model": ["convnet", "lenet5"]}


def cells_of(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    made = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    return [{**BASE, **cell, "cell_id": f"c{i:03d}"} for i, cell in enumerate(made)]


def accuracy(cell: Mapping[str, Any], seed: int) -> float:
    """Fall with the distance from the best learning rate, in decades; smaller networks lower."""
    distance = math.log10(cell["lr"] / BEST_RATE[cell["optimizer"]])
    error = 0.011 * (1.5 if cell["model"] == "lenet5" else 1) * 3 ** abs(distance)
    momentum = cell["optimizer.momentum"]
    error *= 1 if momentum is None else 1 + abs(momentum - 0.5)
    return 1 - min(error, 0.9) - 0.0006 * (seed % 3)


def ends(cell: Mapping[str, Any]) -> str:
    return "diverged" if cell["optimizer"] == "adam" and cell["lr"] > 0.09 else "ok"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Make a tuned study's tables from the axes of its candidates, read from their files."""

    def make(
        axes: Mapping[str, Sequence[Any]],
        *over: str,
        seeds: Sequence[int] = (1000, 1001),
        ends: Callable[[Mapping[str, Any]], str] = ends,
    ) -> Results:
        cells = cells_of(axes)
        tuning = [
            {
                **cell,
                "trial_id": f"{cell['cell_id']}-t{seed}",
                "seed": seed,
                "status": ends(cell),
                "validation_accuracy": accuracy(cell, seed) if ends(cell) == "ok" else None,
                "validation_images": 10_000,
            }
            for seed in seeds
            for cell in cells
        ]
        trials = [
            {**cell, "trial_id": "t", "seed": seed, "status": "ok", "test_accuracy": 0.99}
            for cell in cells[:2]
            for seed in (0, 1, 2)
        ]
        for name, rows in (("tuning", tuning), ("trials", trials)):
            columns = [*cells[0], *columns_of(ROWS[name])]
            pd.DataFrame(rows, columns=columns).to_csv(tmp_path / f"{name}.csv", index=False)
        reported = {"name": "tuned", "tune": {"over": list(over), "by": "validation_accuracy"}}
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(reported), encoding="utf-8")
        return read_results(tmp_path)

    return make


def texts(columns: Sequence[Column], heading: str) -> list[str]:
    (column,) = [column for column in columns if column.heading == heading]
    return list(column.texts)


def rows(chart: Chart) -> list[list[tuple[float, float]]]:
    """Give the points of every line of the first panel; marks of failed trials are no lines."""
    lines = [line for line in chart.figure.axes[0].lines if len(line.get_xdata()) > 1]
    return [list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in lines]


def rings(chart: Chart, panel: int = 0) -> list[tuple[float, float]]:
    """Give where the chosen points are ringed."""
    points = [c for c in chart.figure.axes[panel].collections if isinstance(c, PathCollection)]
    (ringed,) = [c for c in points if not len(c.get_facecolors())]
    return [(float(x), float(y)) for x, y in ringed.get_offsets()]


def draw(tables: Results) -> Chart:
    (chart,) = sensitivity(tables)
    with mpl.rc_context(STYLE):
        chart.figure.draw_without_rendering()
    return chart


def legend(chart: Chart) -> list[str]:
    return [text.get_text() for text in chart.figure.legends[0].get_texts()]


def text_of(chart: Chart) -> str:
    return " ".join(text.get_text() for text in chart.figure.texts).replace("\n", " ")


def test_the_table_has_a_row_for_every_remaining_cell(study: Study) -> None:
    columns = tuning_section(study({**MODELS, **ADAM_OR_SGD, "lr": RATES}, "optimizer.lr")).columns
    assert texts(columns, "model") == ["convnet", "convnet", "lenet5", "lenet5"]
    assert texts(columns, "optimizer") == ["adam", "sgd"] * 2
    assert texts(columns, "learning rate") == ["0.001", "0.1"] * 2
    assert texts(columns, "values") == ["8 (0.0001 to 0.3)"] * 4


def test_the_chosen_accuracy_has_its_interval_and_its_seeds(study: Study) -> None:
    columns = tuning_section(
        study({"lr": [0.001, 0.01]}, "optimizer.lr", seeds=(1000, 1001, 1002))
    ).columns
    # Errors of 1.10, 1.16 and 1.22%: t(0.975, 2) = 4.303 times 0.06 / sqrt(3).
    assert texts(columns, "validation accuracy (%)") == ["98.84 [98.69, 98.99]"]
    assert [c.note for c in columns if c.heading == "validation accuracy (%)"] == ["3 seeds"]


def test_one_tuning_seed_is_exploratory(study: Study) -> None:
    columns = tuning_section(study({"lr": [0.001, 0.01]}, "optimizer.lr", seeds=(1000,))).columns
    assert "1 seed, exploratory" in [c.note for c in columns]


def test_a_choice_at_the_edge_and_failed_trials_are_noted(study: Study) -> None:
    tables = study({**ADAM_OR_SGD, "lr": [0.001, 0.01, 0.1]}, "optimizer.lr")
    failed = "1 value with a failed trial"
    assert texts(tuning_section(tables).columns, "note") == [f"{AT_EDGE}; {failed}", AT_EDGE]
    (sentence,) = tuning_findings(tables)
    assert "3 values for each of 2 cells; 2 choices are at the edge of their range" in sentence


def test_where_there_is_nothing_to_note_there_is_no_such_column(study: Study) -> None:
    tables = study({"lr": [0.0001, 0.001, 0.01]}, "optimizer.lr")
    assert "note" not in [column.heading for column in tuning_section(tables).columns]
    (sentence,) = tuning_findings(tables)
    assert sentence.startswith("**Tuned:** learning rate, 3 values for the cell; no choice is")


def test_a_tuning_of_which_nothing_ended_states_so(study: Study) -> None:
    tables = study({"lr": [0.001, 0.01, 0.1]}, "optimizer.lr", ends=lambda cell: "diverged")
    columns = tuning_section(tables).columns
    assert texts(columns, "note") == [NO_TRIAL_FINISHED]
    assert texts(columns, "validation accuracy (%)") == ["–"]
    assert sensitivity(tables) == ()


def test_with_two_tuned_fields_the_note_states_which_is_at_the_edge(study: Study) -> None:
    axes = {"lr": [0.0001, 0.001, 0.01], "optimizer.momentum": [0.5, 0.7, 0.9]}
    columns = tuning_section(study(axes, "optimizer.lr", "optimizer.momentum")).columns
    assert texts(columns, "note") == [f"optimizer momentum {AT_EDGE}"]
    assert texts(columns, "combinations") == ["9"]


def test_the_note_reports_the_images_and_the_seeds_of_the_choice(study: Study) -> None:
    tables = study({"lr": [0.001, 0.01]}, "optimizer.lr")
    note = tuning_note(tables)
    assert "10,000 training images" in note
    assert "2 seeds (1000, 1001), other than the comparison's" in note
    shared = study({"lr": [0.001, 0.01]}, "optimizer.lr", seeds=(1, 1000))
    assert "of which the comparison uses 1 too" in tuning_note(shared)


def test_a_study_that_tuned_nothing_has_no_section(study: Study) -> None:
    tables = study({"lr": [0.001, 0.01]}, "optimizer.lr")
    untuned = replace(tables, tuning=tables.tuning.iloc[:0], tuned=())
    assert tuning_section(untuned).columns == () and tuning_findings(untuned) == []
    assert tuning_note(untuned) == ""
    assert sensitivity(untuned) == ()


def test_a_line_a_remaining_cell_rises_to_its_ringed_choice(study: Study) -> None:
    chart = draw(study({**ADAM_OR_SGD, "lr": RATES}, "optimizer.lr"))
    adam, sgd = rows(chart)
    assert [len(adam), len(sgd)] == [6, 8]  # two rates of adam diverged
    highest = [max(line, key=lambda point: point[1]) for line in (adam, sgd)]
    assert np.array(rings(chart)) == pytest.approx(np.array(highest))
    assert [x for x, _ in highest] == pytest.approx([-3, -1], abs=0.02)  # decades, side by side
    assert legend(chart) == ["adam", "sgd", "chosen", "no trial finished"]


def test_learning_rates_stand_at_equal_factors(study: Study) -> None:
    chart = draw(study({"lr": RATES}, "optimizer.lr", ends=lambda cell: "ok"))
    (axes,) = chart.figure.axes
    assert axes.get_xlabel() == "learning rate, log scale"
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"{lr:g}" for lr in RATES]
    assert axes.get_xticks() == pytest.approx(np.log10(RATES))
    assert axes.get_ylabel().startswith("validation accuracy (%)")


@pytest.mark.parametrize(
    ("field", "values", "places", "label"),
    [
        ("batch_size", [32, 64, 96], [0, 1, 2], "batch size"),
        ("batch_size", [320, 32, 64], [1.505, 1.806, 2.505], "batch size, log scale"),
        ("optimizer.momentum", [0.0, 0.9, 0.5], [0, 1, 2], "optimizer momentum"),
        ("optimizer", ["adam", "sgd"], [0, 1], "optimizer"),
    ],
)
def test_other_values_stand_side_by_side_unless_they_span_a_decade(
    study: Study, field: str, values: list[Any], places: list[float], label: str
) -> None:
    (axes,) = draw(study({field: values}, field)).figure.axes
    assert axes.get_xticks() == pytest.approx(places, abs=1e-3)
    assert axes.get_xlabel() == label


def test_ticks_whose_names_would_touch_are_left_out(study: Study) -> None:
    close = [0.001, 0.00101, 0.00102, 0.0011, 0.05]
    (axes,) = draw(study({"lr": close}, "optimizer.lr")).figure.axes
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert 2 <= len(boxes) < len(close)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_a_value_of_which_some_trials_failed_is_hollow(study: Study) -> None:
    tables = study({"lr": [0.0001, 0.001, 0.01]}, "optimizer.lr")
    broken = (tables.tuning["lr"] == 0.01) & (tables.tuning["seed"] == 1000)
    status = tables.tuning["status"].where(~broken, "diverged")
    chart = draw(replace(tables, tuning=tables.tuning.assign(status=status)))
    hollow = [ln for ln in chart.figure.axes[0].lines if ln.get_markerfacecolor() == "white"]
    assert [line.get_xdata()[0] for line in hollow] == pytest.approx([-2])
    assert "some trials did not finish" in legend(chart)


def test_two_tuned_fields_have_a_panel_each_of_the_best_over_the_other(study: Study) -> None:
    axes = {"lr": [0.0001, 0.001, 0.01], "optimizer.momentum": [0.1, 0.5, 0.9]}
    chart = draw(study(axes, "optimizer.lr", "optimizer.momentum"))
    assert [a.get_xlabel() for a in chart.figure.axes] == [
        "learning rate, log scale",
        "optimizer momentum",
    ]
    heights = {round(rings(chart, panel)[0][1], 6) for panel in (0, 1)}
    assert heights == {round(100 * (1 - 0.011 - 0.0006 * 1.5), 6)}  # of seeds 1000 and 1001
    assert "best over the other tuned fields" in chart.caption
    assert "best over the other tuned fields" in text_of(chart)


def test_many_lines_are_alike_and_without_bars(study: Study) -> None:
    axes = {"batch_size": list(range(1, 13)), "lr": [0.0001, 0.001, 0.01]}
    chart = draw(study(axes, "optimizer.lr"))
    assert len(rows(chart)) == 12
    assert legend(chart) == ["12 cells, one line each", "chosen"]
    assert "95%" not in text_of(chart)


def test_the_caption_reports_the_choices(study: Study) -> None:
    chart = draw(study({**ADAM_OR_SGD, "lr": [0.001, 0.01, 0.1]}, "optimizer.lr"))
    assert chart.caption == (
        "Chosen: learning rate 0.001 to 0.1; for 2 of 2 cells at the edge of the tested range."
    )
    assert chart.alt == "Validation accuracy by learning rate for 2 tuned cells"
    width, height = chart.figure.get_size_inches()
    box = chart.figure.get_tightbbox()
    assert min(box.x0, box.y0) >= 0 and box.x1 <= width and box.y1 <= height


def test_one_value_of_a_field_needs_no_picture(study: Study) -> None:
    assert sensitivity(study({**MODELS, "lr": [0.001]}, "optimizer.lr")) == ()
