"""What may be paid for accuracy: speed, training time, training FLOPs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, Formatter, FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from bench.analysis.comparisons import trained_trials
from bench.analysis.results import Results
from bench.reporting.figures.axis_scales import LOG_FROM, speed_axis, speed_errors
from bench.reporting.sample_notes import Speed, interval_note, median_note, speed_of
from bench.stats.estimates import MIN_FOR_INTERVAL, Floats
from bench.stats.pareto import pareto_front


@dataclass(frozen=True, eq=False)
class View:
    """Accuracy over one cost, for the cells that have both.

    `x` is what is drawn, `bars` (2, n) its distances to the interval's ends, 0 without one.
    `front` tells the cells that no other dominates, by means and medians alone.
    """

    name: str
    note: str
    cells: pd.DataFrame
    x: Floats
    bars: Floats
    front: NDArray[np.bool_]
    scale: Callable[[Axes], None]
    more_is_better: bool = False

    @property
    def percents(self) -> Floats:
        """Give the mean accuracies."""
        return _percents(self.cells)


def trained_cells(tables: Results) -> pd.DataFrame:
    """Keep the cells that trained: what a network knows at its beginning costs nothing."""
    summary = tables.summary
    return summary[summary["cell_id"].isin(trained_trials(tables.trials)["cell_id"])]


def speed_view(cells: pd.DataFrame) -> View | None:
    """View accuracy over images a second: more is better."""
    speed = speed_of(cells)
    known = _with_both(cells, f"{speed.measure}_median")
    if len(known) < 2:
        return None
    x = known[f"{speed.measure}_median"].to_numpy(dtype=float)
    bars = speed_errors(known, speed)
    ends = np.concatenate([x - bars[0], x + bars[1]])
    front = pareto_front(_percents(known), -x)
    scale = partial(_scale_speeds, speeds=ends, speed=speed)
    return View("speed", interval_note(speed, known), known, x, bars, front, scale, True)


def time_view(cells: pd.DataFrame) -> View | None:
    """View accuracy over the seconds of training, evaluation left out."""
    known = _with_both(cells, "train_s_median")
    if len(known) < 2:
        return None
    x, low, high = (
        known[f"train_s_{part}"].to_numpy(dtype=float) for part in ("median", "low", "high")
    )
    bars = np.nan_to_num(np.stack([x - low, high - x])).clip(min=0)
    counts = known["train_s_n"]
    bar = ", bar: 95% interval" if counts.max() >= MIN_FOR_INTERVAL else ""
    note = f"{median_note(counts, 'seed')}{bar}"
    seconds = FuncFormatter(lambda value, _: f"{value:,.6g}")
    ends = np.concatenate([x - bars[0], x + bars[1]])
    scale = partial(_scale, costs=ends, name="training time (s)", form=seconds)
    return View("training time", note, known, x, bars, pareto_front(_percents(known), x), scale)


def flops_view(tables: Results) -> View | None:
    """View accuracy over the FLOPs of training; None where all cells take the same.

    FLOPs of an image, forward and backward, times the images trained on, epoch by epoch.
    """
    cells, finished = trained_cells(tables), trained_trials(tables.trials)
    # Whole images again: equal costs must not differ in their last digit.
    images = (finished["images_per_s"] * finished["train_s"]).round()
    images = images.groupby(finished["cell_id"]).median()
    flops = cells["flops_per_image"] * cells["cell_id"].map(images).astype(float)
    known = _with_both(cells.assign(training_flops=flops), "training_flops")
    x = known["training_flops"].to_numpy(dtype=float)
    if len(known) < 2 or np.ptp(x) == 0:
        return None
    scale = partial(_scale, costs=x, name="training FLOPs", form=EngFormatter(sep=""))
    front = pareto_front(_percents(known), x)
    return View("training FLOPs", "counted", known, x, np.zeros((2, len(x))), front, scale)


def _with_both(cells: pd.DataFrame, cost: str) -> pd.DataFrame:
    return cells[(cells[cost] > 0).fillna(False) & cells["accuracy_mean"].notna()]


def _percents(cells: pd.DataFrame) -> Floats:
    percents: Floats = 100 * cells["accuracy_mean"].to_numpy(dtype=float)
    return percents


def _scale_speeds(axes: Axes, *, speeds: Floats, speed: Speed) -> None:
    speed_axis(axes, "x", speeds, speed)


def _scale(axes: Axes, *, costs: Floats, name: str, form: Formatter) -> None:
    """Scale and name an axis of costs: from zero, or logarithmic where they are far apart."""
    low, high = costs.min(), costs.max()
    if low > 0 and high / low > LOG_FROM:
        axes.set(xscale="log", xlim=(low / 1.3, high * 1.3))
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        name = f"{name}, log scale"
    else:
        axes.set_xlim(0, high * 1.12)
    axes.xaxis.set_major_formatter(form)
    axes.set_xlabel(name)
