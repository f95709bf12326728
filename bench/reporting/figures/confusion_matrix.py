"""The confusion matrix of the baseline cell: which classes it takes for which."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from bench.analysis.misclassified_images import misclassified_images
from bench.analysis.results import Results
from bench.cell_names import BASELINE
from bench.formatting import plural
from bench.reporting.colours import INK
from bench.reporting.display_names import display_names
from bench.reporting.figure_style import Chart, canvas, styled, wrapped

MOST_CLASSES = 30  # with more, those with most confusions
MOST_WRITTEN = 15  # classes: with more, the numbers don't fit
MOST_NAME_LETTERS = 16
COLOUR = "#dd7a63"
SQUARE_IN, LEAST_IN, AROUND_IN = 0.34, 2.4, 1.1


@styled
def confusion_matrix(results: Results) -> Sequence[Chart]:
    """Draw how many images of each class the baseline cell takes for each other class."""
    if results.misclassified.empty:
        return ()
    baseline_id = str(results.summary["cell_id"].iloc[0])
    rows = results.misclassified[results.misclassified["cell_id"] == baseline_id]
    wrong = misclassified_images(rows)
    if wrong.empty:
        return ()
    seeds = rows["seed"].nunique()
    counts = _matrix(wrong, len(results.class_names)) / seeds
    classes = len(counts)
    shown = _most_confused(counts)
    name = display_names(results)[baseline_id]
    cell = "the baseline cell" if name == BASELINE else name
    note = f"Test images of a class (row) that {cell} takes for another (column)"
    note += f", mean of {plural(seeds, 'seed')}" if seeds > 1 else ""
    if len(shown) < classes:
        note += f". Shown: the {len(shown)} of {classes} classes with most confusions"
    body_in = AROUND_IN + max(LEAST_IN, SQUARE_IN * len(shown))
    figure = canvas("Which classes are confused?", note, body_in=body_in)
    matrix = counts.loc[shown, shown]
    _draw(figure.subplots(), matrix, [results.class_name(int(label)) for label in shown])
    values = counts.to_numpy()
    label, predicted = np.unravel_index(values.argmax(), values.shape)
    pair = f"{results.class_name(int(label))} as {results.class_name(int(predicted))}"
    count = _text(values.max())
    caption = f"Most frequent: {pair}, {count} {'image' if count == '1' else 'images'}."
    alt = f"Confusion matrix of {cell} over {plural(classes, 'class', 'classes')}"
    return (Chart("confusion_matrix", figure, alt, caption),)


def _matrix(wrong: pd.DataFrame, named: int) -> pd.DataFrame:
    """Count images by label (rows) and predicted class (columns), of all classes that are known."""
    classes = range(max(named, 1 + int(wrong[["label", "predicted"]].to_numpy().max())))
    counts = pd.crosstab(wrong["label"], wrong["predicted"])
    return counts.reindex(index=classes, columns=classes, fill_value=0).astype(float)


def _most_confused(counts: pd.DataFrame) -> list[int]:
    """Return the classes to show, in their order."""
    if len(counts) <= MOST_CLASSES:
        return list(counts.index)
    errors = counts.sum(axis=0) + counts.sum(axis=1)
    return sorted(errors.sort_values(ascending=False, kind="stable").index[:MOST_CLASSES])


def _draw(axes: Axes, matrix: pd.DataFrame, names: Sequence[str]) -> None:
    values = matrix.to_numpy(dtype=float)
    shown = [name if len(name) <= MOST_NAME_LETTERS else f"{name[:15]}…" for name in names]
    is_written = len(names) <= MOST_WRITTEN
    texts = np.array([[_text(value) if value else "" for value in row] for row in values])
    sns.heatmap(
        np.sqrt(values),  # rare confusions stay visible
        mask=np.eye(len(values), dtype=bool),
        cmap=sns.light_palette(COLOUR, as_cmap=True),
        vmin=0,
        annot=texts if is_written else None,
        fmt="",
        annot_kws={"fontsize": 9, "color": INK},
        linewidths=1.0 if is_written else 0.4,
        square=True,
        cbar=False,
        ax=axes,
        xticklabels=[wrapped(name, 8) for name in shown] if is_written else shown,
        yticklabels=shown,
    )
    is_long = max(map(len, shown)) > 3
    axes.tick_params(axis="both", length=0, rotation=0)
    axes.tick_params(axis="x", rotation=90 if is_long and len(names) > 6 else 0)
    axes.set(xlabel="predicted class", ylabel="label")
    axes.grid(visible=False)


def _text(count: float) -> str:
    return f"{count:.0f}" if count >= 10 or count == round(count) else f"{count:.1f}"
