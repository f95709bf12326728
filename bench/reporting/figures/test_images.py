"""Pictures of test images: those that are hard for all cells, and those that a change decides."""

import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from bench.analysis.pictured_images import MOST_IMAGES, PicturedImage, PictureRow
from bench.analysis.results import Results
from bench.formatting import plural
from bench.reporting.colours import EDGE, INK, SOFT_INK
from bench.reporting.display_names import display_names
from bench.reporting.figure_style import WIDTH_IN, Chart, canvas, styled

MOST_NAME_LETTERS = 13  # of a class
MOST_LETTERS = 76  # of a cell's name
LEFT_IN = 0.12
TITLE_IN, IMAGE_IN, TEXT_IN, GAP_IN = 0.26, 0.72, 0.36, 0.1  # of a row, from top to bottom
NAME_IN = 0.15  # more, for names of classes on a line of their own
STEP_IN = (WIDTH_IN - LEFT_IN) / MOST_IMAGES


@styled
def pictured_images(results: Results) -> Sequence[Chart]:
    """Draw the images that most seeds get wrong, and those on which cells and baseline differ."""
    rows = [row for row in results.picture_rows if _has_pixels(row, results)]
    if not rows:
        return ()
    names = display_names(results)
    note = "Below each its label and the class that wrong seeds predict; the share of wrong seeds"
    if len(rows) > 1:
        note += ", of the baseline cell → of the named one"
    compared = {row.cell_id for row in results.picture_rows} - {None}
    if 0 < len(compared) < len(names) - 1:
        note += f". Shown: the {plural(len(compared), 'cell')} that differ most from the baseline"
    named_in = NAME_IN if results.class_names else 0.0
    row_in = TITLE_IN + IMAGE_IN + TEXT_IN + named_in + GAP_IN
    body_in = row_in * len(rows)
    figure = canvas("Which test images are misclassified?", note, body_in=body_in)
    figure.set_layout_engine("none")  # the rows are placed by inches
    for i, row in enumerate(rows):
        top_in = body_in - i * row_in
        _write(figure, LEFT_IN, top_in, _title(row, names), fontsize=10.5, color=INK)
        for j, image in enumerate(row.images):
            left_in, bottom_in = LEFT_IN + j * STEP_IN, top_in - TITLE_IN - IMAGE_IN
            box = _fractions(figure, left_in, bottom_in, IMAGE_IN, IMAGE_IN)
            axes = figure.add_axes(box, xticks=[], yticks=[])
            axes.imshow(results.pictures[image.image], cmap="gray_r", vmin=0, vmax=255)
            axes.spines[:].set(visible=True, color=EDGE)
            text = _text(row, image, results.class_name)
            _write(figure, left_in, bottom_in - 0.04, text, fontsize=8, color=SOFT_INK)
    alt = f"Test images that seeds misclassify, in {plural(len(rows), 'row')}, with their classes"
    return (Chart("test_images", figure, alt, _caption(rows, results.class_name)),)


def _has_pixels(row: PictureRow, results: Results) -> bool:
    return all(each.image in results.pictures for each in row.images)


def _title(row: PictureRow, names: Mapping[str, str]) -> str:
    if row.cell_id is None:
        return "Misclassified by most seeds, over all cells"
    name = textwrap.shorten(names[row.cell_id], MOST_LETTERS, placeholder=" …")
    how = ("right", "wrong") if row.is_gain else ("wrong", "right")
    return f"{name}: {how[0]} where the baseline cell is {how[1]}"


def _text(row: PictureRow, image: PicturedImage, name: Callable[[int], str]) -> str:
    shares = f"{image.after:.0%}"
    if row.cell_id is not None:
        shares = f"{image.before:.0%} → {shares}"
    if name(image.label) == str(image.label):
        return f"{_confusion(image, name)}\n{shares}"
    label, predicted = (_short(name(each)) for each in (image.label, image.predicted))
    return f"{label}\nas {predicted}\n{shares}"


def _short(name: str) -> str:
    return name if len(name) <= MOST_NAME_LETTERS else f"{name[: MOST_NAME_LETTERS - 1]}…"


def _confusion(image: PicturedImage, name: Callable[[int], str]) -> str:
    return f"{name(image.label)} as {name(image.predicted)}"


def _caption(rows: Sequence[PictureRow], name: Callable[[int], str]) -> str:
    confusions = {each.image: _confusion(each, name) for r in rows for each in r.images}
    [(pair, count)] = Counter(confusions.values()).most_common(1)
    shown = plural(len(confusions), "image")
    return f"The most frequent confusion among {shown} is {pair} ({count})."


def _write(figure: Figure, left_in: float, top_in: float, text: str, **style: Any) -> None:
    x, y, *_ = _fractions(figure, left_in, top_in, 0, 0)
    figure.text(x, y, text, va="top", linespacing=1.15, **style)


def _fractions(
    figure: Figure, left_in: float, bottom_in: float, width_in: float, height_in: float
) -> tuple[float, float, float, float]:
    """Return a box as fractions of the figure."""
    width, height = figure.get_size_inches()
    return left_in / width, bottom_in / height, width_in / width, height_in / height
