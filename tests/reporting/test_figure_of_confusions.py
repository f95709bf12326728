"""The confusion matrix of the baseline cell."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from bench.analysis.results import Results
from bench.misclassified import Wrong, pack_misclassified
from bench.reporting.figure_style import Chart
from bench.reporting.figures.confusion_matrix import MOST_CLASSES, confusion_matrix

Tables = Callable[[str], Results]


def with_wrong(tables: Results, by_seed: Sequence[list[Wrong]], cell: int = 0) -> Results:
    rows = [
        {
            "cell_id": tables.summary["cell_id"].iloc[cell],
            "dataset": "mnist",
            "seed": seed,
            "test_images": 500,
            "wrong": pack_misclassified(wrong),
        }
        for seed, wrong in enumerate(by_seed)
    ]
    return replace(tables, misclassified=pd.DataFrame(rows))


def drawn(results: Results) -> Chart:
    (chart,) = confusion_matrix(results)
    return chart


def written(chart: Chart) -> list[str]:
    return [text.get_text() for text in chart.figure.axes[0].texts]


def labels(chart: Chart) -> list[str]:
    return [text.get_text() for text in chart.figure.axes[0].get_yticklabels()]


def test_numbers_are_images_of_a_seed(tables_of: Tables) -> None:
    seeds: list[list[Wrong]] = [[(3, 1, 2), (4, 1, 2), (5, 0, 2)], [(3, 1, 2)]]
    chart = drawn(with_wrong(tables_of("timing-off"), seeds))
    assert labels(chart) == ["0", "1", "2"]
    assert sorted(text for text in written(chart) if text) == ["0.5", "1.5"]
    assert chart.caption == "Most frequent: 1 as 2, 1.5 images."


def test_classes_go_by_their_names(tables_of: Tables) -> None:
    made = with_wrong(tables_of("timing-off"), [[(3, 0, 1)]])
    chart = drawn(replace(made, class_names=("ant", "bee", "cat")))
    assert labels(chart) == ["ant", "bee", "cat"]
    assert chart.caption == "Most frequent: ant as bee, 1 image."


def test_of_many_classes_those_with_most_confusions_are_shown(tables_of: Tables) -> None:
    wrong: list[Wrong] = [(i, 99 - i % 40, i % 40) for i in range(80)] + [(200, 50, 51)]
    chart = drawn(with_wrong(tables_of("timing-off"), [wrong]))
    assert len(labels(chart)) == MOST_CLASSES
    assert {"50", "51"}.isdisjoint(labels(chart))
    assert written(chart) == []


def test_no_figure_without_a_misclassified_image_of_the_baseline(tables_of: Tables) -> None:
    tables = tables_of("timing-off")
    assert not confusion_matrix(tables)
    assert not confusion_matrix(with_wrong(tables, [[]]))
    assert not confusion_matrix(with_wrong(tables, [[(3, 1, 2)]], cell=1))
