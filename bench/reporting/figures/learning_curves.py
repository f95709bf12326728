"""Accuracy and loss over the epochs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.analysis.results import Results
from bench.cell_names import named_value
from bench.formatting import plural, plural_range
from bench.reporting.colours import SOFT_INK
from bench.reporting.figure_style import Chart, canvas, styled, wrapped
from bench.reporting.figures.axis_scales import accuracy_axis, loss_axis
from bench.reporting.figures.cell_styles import CellStyles, cell_styles_of

FEW_EPOCHS = 3  # up to so many, seeds are bars at markers instead of a band around a line
BOTH_LOSSES = 2  # up to so many cells, the loss on the training set is drawn too
SPREAD = 0.3  # of an epoch: distance between cells, so that their bars don't overlap


@styled
def learning_curves(results: Results) -> Sequence[Chart]:
    """Draw test accuracy and loss by epoch, mean and range over the seeds."""
    styles = cell_styles_of(results)
    curves = curves_of(results.epochs, styles)
    if len(curves.drop_duplicates(["cell_id", "epoch"])) < 2:
        return ()
    last, cells = curves["epoch"].max(), curves["cell_id"].nunique()
    legend = styles.line_legend(marker="" if last > 1 else "o")
    losses = {"test_loss": "-"}
    if cells <= BOTH_LOSSES:
        losses["train_loss"] = "--"
        legend += [
            (Line2D([], [], color=SOFT_INK, linestyle="-"), "on the test set"),
            (Line2D([], [], color=SOFT_INK, linestyle="--"), "on the training set"),
        ]
    facets = [("", curves)]
    if styles.facet is not None:
        groups = curves.groupby(styles.facet, sort=False, dropna=False)
        facets = [(named_value(styles.facet, value), frame) for value, frame in groups]
    several = curves["epoch"].nunique() > 1
    change = "How do accuracy and loss change with the epochs?"
    title = change if several else "How far does one epoch go?"
    body_in = 3.5 if len(facets) == 1 else 5.6
    figure = canvas(title, _note(curves, styles), body_in=body_in, legend=legend)
    if len(facets) == 1:
        pairs = figure.subplots(1, 2, squeeze=False)
    else:
        pairs = figure.subplots(2, len(facets), sharey="row").T
    all_losses = curves[list(losses)].to_numpy(dtype=float, na_value=np.nan)
    for i, ((accuracy, loss), (name, frame)) in enumerate(zip(pairs, facets, strict=True)):
        accuracy.set_title(wrapped(name, 84 // len(facets)))
        _draw(accuracy, frame, "test_accuracy", styles)
        for column, linestyle in losses.items():
            _draw(loss, frame, column, styles, linestyle)
        accuracy_axis(accuracy, curves["test_accuracy"].to_numpy())
        loss_axis(loss, all_losses)
        for axes in (accuracy, loss):
            axes.set(xlabel="epoch", xlim=(0.5, last + 0.5))
            axes.yaxis.label.set_visible(i == 0)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    alt = f"Test accuracy and loss by epoch, up to epoch {last}, for {plural(cells, 'cell')}"
    return (Chart("learning", figure, alt, _caption(styles, curves)),)


def curves_of(epochs: pd.DataFrame, styles: CellStyles) -> pd.DataFrame:
    """Return the epochs of the shown cells after training began, accuracy in percent."""
    kept = epochs[epochs["cell_id"].isin(list(styles.shown)) & (epochs["epoch"] > 0)]
    kept = kept[kept["test_accuracy"].notna()]
    return kept.assign(epoch=kept["epoch"].astype(int), test_accuracy=100 * kept["test_accuracy"])


def _note(curves: pd.DataFrame, styles: CellStyles) -> str:
    seeds = plural_range(curves.groupby("cell_id")["seed"].nunique(), "seed")
    mark = "bar" if curves["epoch"].max() <= FEW_EPOCHS else "band"
    note = f"Mean over {seeds}, {mark}: from the lowest seed to the highest"
    if seeds == "1 seed":
        note = "One seed, exploratory"
    if styles.wide:
        note += f". The most accurate and the fastest of {len(styles.cells)} cells"
    return note


def _draw(
    axes: Axes, frame: pd.DataFrame, column: str, styles: CellStyles, linestyle: str = "-"
) -> None:
    by_cell = dict(list(frame.groupby("cell_id")))
    cells = [cell_id for cell_id in styles.shown if cell_id in by_cell]
    few = frame["epoch"].max() <= FEW_EPOCHS
    shifts = SPREAD * (np.arange(len(cells)) - (len(cells) - 1) / 2) / max(len(cells), 1)
    for cell_id, shift in zip(cells, shifts, strict=True):
        seeds = by_cell[cell_id].groupby("epoch")[column].agg(["mean", "min", "max"]).astype(float)
        x, low, high = seeds.index.to_numpy(dtype=float), seeds["min"], seeds["max"]
        mean = seeds["mean"].clip(low, high)  # the mean of equal numbers can be off by rounding
        style = styles.styles[cell_id]
        if few:
            axes.errorbar(
                x + shift, mean, np.stack([mean - low, high - mean]), color=style.colour,
                marker=style.marker, linestyle=linestyle, elinewidth=1.3,
            )  # fmt: skip
        else:
            axes.plot(x, mean, color=style.colour, linestyle=linestyle)
            axes.fill_between(x, low, high, color=style.colour, alpha=0.18, linewidth=0)


def _caption(styles: CellStyles, curves: pd.DataFrame) -> str:
    final = curves[curves["epoch"] == curves.groupby("cell_id")["epoch"].transform("max")]
    means = final.groupby("cell_id", sort=False)["test_accuracy"].mean().sort_values()
    if len(means) == 1:
        epochs = plural(curves["epoch"].max(), "epoch")
        return f"After {epochs} the mean test accuracy is {means.iloc[0]:.2f}%."
    (worst, *_, best), names = means, [styles.labels[str(cell_id)] for cell_id in means.index]
    return (
        f"Mean test accuracy after the last epoch: from {worst:.2f}% ({names[0]}) "
        f"to {best:.2f}% ({names[-1]})."
    )
