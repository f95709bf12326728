"""How accuracy and loss move with the epochs."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.analysis.results import Results
from bench.cell_names import named_value
from bench.formatting import plural, plural_range
from bench.reporting.figure_style import SOFT_INK, canvas, styled, wrapped
from bench.reporting.figures.axis_scales import accuracy_axis, loss_axis
from bench.reporting.figures.cell_styles import CellStyles, cell_styles_of
from bench.reporting.figures.figure import Chart
from bench.stats.estimates import Floats

FEW_EPOCHS = 3  # up to so many, seeds are bars at markers instead of a band around a line
BOTH_LOSSES = 2  # up to so many cells, the loss on the training set is drawn too
LOSSES: Sequence[tuple[Literal["-", "--"], str]] = (
    ("-", "on the test set"),
    ("--", "on the training set"),
)
SPREAD = 0.3  # of an epoch: cells side by side, so that their bars do not hide each other


@styled
def learning_curves(tables: Results) -> Sequence[Chart]:
    """Draw test accuracy and loss by epoch, mean and range over the seeds."""
    styles = cell_styles_of(tables)
    curves = curves_of(tables.epochs, styles)
    points = curves.drop_duplicates(["cell_id", "epoch"])
    if len(points) < 2:
        return ()
    training_too = curves["cell_id"].nunique() <= BOTH_LOSSES
    seeds = plural_range(curves.groupby("cell_id")["seed"].nunique(), "seed")
    few = curves["epoch"].max() <= FEW_EPOCHS
    note = f"Mean over {seeds}" if seeds != "1 seed" else "One seed, exploratory"
    if seeds != "1 seed":
        note += f", {'bar' if few else 'band'}: from the lowest seed to the highest"
    if styles.wide:
        note += f". The most accurate and the fastest of {len(styles.cells)} cells"
    legend = styles.legend(facets=False, line=curves["epoch"].max() > 1, others=False)
    if training_too:
        legend += [(Line2D([], [], color=SOFT_INK, linestyle=kind), name) for kind, name in LOSSES]
    figure, pairs = _panels(curves, styles, note, legend)
    for (accuracy, loss), (_, frame) in zip(pairs, _facets(curves, styles), strict=True):
        _draw(accuracy, frame, "test_accuracy", styles)
        _draw(loss, frame, "test_loss", styles)
        if training_too:
            _draw(loss, frame, "train_loss", styles, linestyle="--")
    losses = curves["test_loss"]
    _scale(pairs, curves, pd.concat([losses, curves["train_loss"]]) if training_too else losses)
    return (Chart("learning", figure, _alt(curves), _caption(styles, curves)),)


def curves_of(epochs: pd.DataFrame, styles: CellStyles) -> pd.DataFrame:
    """Keep the epochs of the shown cells after training began, accuracy in percent."""
    kept = epochs[epochs["cell_id"].isin(list(styles.shown)) & (epochs["epoch"] > 0)]
    kept = kept[kept["test_accuracy"].notna()]
    percent = 100 * kept["test_accuracy"]
    return kept.assign(epoch=kept["epoch"].astype(int), test_accuracy=percent)


def _facets(curves: pd.DataFrame, styles: CellStyles) -> list[tuple[str, pd.DataFrame]]:
    if styles.facet is None:
        return [("", curves)]
    return [
        (named_value(styles.facet, value), frame)
        for value, frame in curves.groupby(styles.facet, sort=False, dropna=False)
    ]


def _panels(
    curves: pd.DataFrame, styles: CellStyles, note: str, legend: list[tuple[Artist, str]]
) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """Lay out one (accuracy, loss) pair of axes for each facet."""
    names = [name for name, _ in _facets(curves, styles)]
    several = curves["epoch"].nunique() > 1
    title = (
        "How do accuracy and loss move with the epochs?"
        if several
        else "How far does one epoch go?"
    )
    if len(names) == 1:
        figure = canvas(title, note, body_in=3.5, legend=legend)
        pairs = [tuple(figure.subplots(1, 2))]
    else:
        figure = canvas(title, note, body_in=5.6, legend=legend)
        pairs = [tuple(pair) for pair in figure.subplots(2, len(names), sharey="row").T]
    for name, (accuracy, _) in zip(names, pairs, strict=True):
        accuracy.set_title(wrapped(name, 84 // len(names)))
    return figure, pairs


def _draw(
    axes: Axes, frame: pd.DataFrame, column: str, styles: CellStyles, *, linestyle: str = "-"
) -> None:
    """Draw a line a cell: the mean over its seeds, and their range."""
    cells = [cell_id for cell_id in styles.shown if cell_id in set(frame["cell_id"])]
    few = frame["epoch"].max() <= FEW_EPOCHS
    shifts = SPREAD * (np.arange(len(cells)) - (len(cells) - 1) / 2) / max(len(cells), 1)
    for cell_id, shift in zip(cells, shifts, strict=True):
        rows = frame[frame["cell_id"] == cell_id]
        x, mean, low, high = _over_seeds(rows, column)
        look = styles.styles[cell_id]
        if few:
            axes.errorbar(
                x + shift,
                mean,
                np.stack([mean - low, high - mean]),
                color=look.colour,
                marker=look.marker,
                linestyle=linestyle,
                elinewidth=1.3,
            )
        else:
            axes.plot(x, mean, color=look.colour, linestyle=linestyle)
            axes.fill_between(x, low, high, color=look.colour, alpha=0.18, linewidth=0)


def _over_seeds(rows: pd.DataFrame, column: str) -> tuple[Floats, Floats, Floats, Floats]:
    """Give the epochs, and for each the mean, the lowest and the highest seed."""
    seeds = rows.groupby("epoch")[column].agg(["mean", "min", "max"]).astype(float)
    mean, low, high = (seeds[part].to_numpy() for part in seeds)
    # By rounding, the mean of equal numbers can lie beside them.
    return seeds.index.to_numpy(dtype=float), np.clip(mean, low, high), low, high


def _scale(pairs: list[tuple[Axes, Axes]], curves: pd.DataFrame, losses: pd.Series) -> None:
    last = curves["epoch"].max()
    for i, (accuracy, loss) in enumerate(pairs):
        accuracy_axis(accuracy, curves["test_accuracy"].to_numpy())
        loss_axis(loss, losses.to_numpy(dtype=float, na_value=np.nan))
        for axes in (accuracy, loss):
            axes.set_xlabel("epoch")
            axes.yaxis.label.set_visible(i == 0)
            axes.set_xlim(0.5, last + 0.5)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _alt(curves: pd.DataFrame) -> str:
    cells, last = curves["cell_id"].nunique(), curves["epoch"].max()
    return f"Test accuracy and loss by epoch, up to epoch {last}, for {plural(cells, 'cell')}"


def _caption(styles: CellStyles, curves: pd.DataFrame) -> str:
    final = curves[curves["epoch"] == curves.groupby("cell_id")["epoch"].transform("max")]
    means = final.groupby("cell_id", sort=False)["test_accuracy"].mean().sort_values()
    if len(means) == 1:
        return (
            f"After {curves['epoch'].max()} epochs the mean test accuracy is {means.iloc[0]:.2f}%."
        )
    (worst, *_, best), names = means, [styles.labels[str(cell_id)] for cell_id in means.index]
    return (
        f"Mean test accuracy after the last epoch: from {worst:.2f}% ({names[0]}) "
        f"to {best:.2f}% ({names[-1]})."
    )
