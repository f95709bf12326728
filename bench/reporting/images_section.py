"""The section "Test images": what two cells get wrong, image by image and class by class."""

from collections.abc import Callable, Iterator
from functools import partial

import pandas as pd

from bench.analysis.misclassified_images import ImageComparison, compare_images
from bench.analysis.results import Results
from bench.formatting import format_points, plural
from bench.reporting.baseline_section import Row, baseline_name
from bench.reporting.columns import BLANK, Column, Section, name_columns
from bench.reporting.markdown_text import escape

MOST_CLASSES = 3  # that are listed
LEAST_CHANGE = 1.0  # images per seed: a class or confusion that changes by less is not listed
NOTES = """\
*Over test images*: the difference in mean accuracy, in points, with the 95% interval that holds for
these trained networks on other images of the same kind; the verdicts above are over seeds, for
other trainings on these images. *Wrong here only*: images that more than half of this cell's seeds
misclassify, and at most half of the baseline's. Classes and confusions: images per seed."""


def images_section(results: Results) -> Section:
    """Return the section; without columns where no cell can be compared with the baseline."""
    compared = {each.cell_id: each for each in compare_with_baseline_images(results)}
    if not compared:
        return Section("Test images", ())
    rows = list(compared.values())
    counts = sorted({each.images for each in rows})
    columns = [
        Column(
            "difference over test images (points)",
            plural(counts[0], "image") if len(counts) == 1 else "",
            [_difference(each) for each in rows],
        ),
        Column("wrong here only", "", [str(each.only_after) for each in rows]),
        Column("wrong in the baseline only", "", [str(each.only_before) for each in rows]),
        *(
            Column(f"{what} that change most", "", list(map(write, rows)), is_number=False)
            for what, write in (
                ("classes", partial(_classes, name=results.class_name)),
                ("confusions", partial(_confusions, name=results.class_name)),
            )
        ),
    ]
    named = [*name_columns(list(compared), results.summary), *columns]
    intro = f"What each cell misclassifies, compared with {baseline_name(results)}."
    return Section("Test images", named, NOTES, intro=intro)


def compare_with_baseline_images(results: Results) -> Iterator[ImageComparison]:
    """Yield the comparison of each cell's test images with the baseline cell's."""
    if results.misclassified.empty:
        return
    by_cell = dict(iter(results.misclassified.groupby("cell_id", sort=False)))
    cells = [str(cell_id) for cell_id in results.summary["cell_id"]]
    for cell_id in cells[1:]:
        if cell_id in by_cell and cells[0] in by_cell:
            compared = compare_images(by_cell[cells[0]], by_cell[cell_id])
            if compared is not None:
                yield compared


def _classes(compared: ImageComparison, name: Callable[[int], str]) -> str:
    """Write the classes whose number of misclassified images changes most: "4: 9.3 → 14"."""
    return _changes(compared.classes().reset_index(), lambda row: escape(name(int(row["label"]))))


def _confusions(compared: ImageComparison, name: Callable[[int], str]) -> str:
    return _changes(
        compared.confusions,
        lambda row: escape(f"{name(int(row['label']))} as {name(int(row['predicted']))}"),
    )


def _changes(counts: pd.DataFrame, name: Callable[[Row], str]) -> str:
    size = (counts["after"] - counts["before"]).abs()
    order = size[size >= LEAST_CHANGE].sort_values(ascending=False, kind="stable").index
    largest = counts.loc[order[:MOST_CLASSES]]
    texts = [
        f"{name(row)}: {row['before']:.3g} → {row['after']:.3g}"
        for row in largest.to_dict("records")
    ]
    return "; ".join(texts) or BLANK


def _difference(compared: ImageComparison) -> str:
    d = compared.difference
    assert d.low is not None and d.high is not None
    return format_points(100 * d.value, 100 * d.low, 100 * d.high)
