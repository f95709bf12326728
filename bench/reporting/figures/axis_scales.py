"""Axes and error bars for speeds, accuracies and losses."""

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, LogLocator, NullFormatter

from bench.reporting.sample_notes import Speed
from bench.stats.estimates import Floats

Which = Literal["x", "y"]

LOG_FROM = 8.0  # speeds that differ by more than this factor get a logarithmic axis
LOG_ERRORS_FROM = 2.5  # likewise for the error rates behind accuracies
BARS_UP_TO = 2.0  # a bar widens an axis of accuracies by this factor of the error at most


def speed_errors(cells: pd.DataFrame, speed: Speed) -> Floats:
    """Give matplotlib's (2, n) error bars of the speeds; no interval is no bar."""
    return _errors(cells, *(f"{speed.measure}_{part}" for part in ("median", "low", "high")))


def accuracy_errors(cells: pd.DataFrame) -> Floats:
    """Give matplotlib's (2, n) error bars of the accuracies in percentage points."""
    return 100 * _errors(cells, "accuracy_mean", "accuracy_low", "accuracy_high")


def _errors(cells: pd.DataFrame, centre: str, low: str, high: str) -> Floats:
    value, lower, upper = (cells[name].to_numpy(dtype=float) for name in (centre, low, high))
    bars: Floats = np.nan_to_num(np.stack([value - lower, upper - value])).clip(min=0)
    return bars


def speed_axis(axes: Axes, which: Which, speeds: Floats, speed: Speed) -> None:
    """Scale and name an axis of speeds: from zero, or logarithmic where they are far apart."""
    known = speeds[np.isfinite(speeds) & (speeds > 0)]
    low, high = known.min(), known.max()
    axis = axes.xaxis if which == "x" else axes.yaxis
    unit = "images/s"
    if high / low > LOG_FROM:
        unit = "images/s, log scale"
        axes.set(**{f"{which}scale": "log", f"{which}lim": (low / 1.3, high * 1.3)})
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_formatter(NullFormatter())
    else:
        axes.set(**{f"{which}lim": (0, high * 1.12)})
    axis.set_major_formatter(EngFormatter(sep=""))
    gap = " " if which == "x" else "\n"
    axis.set_label_text(f"{unit}{gap}({speed.clock})")


def accuracy_axis(axes: Axes, percents: Floats, bars: Floats | None = None) -> None:
    """Scale and name the y axis for accuracies in percent so that 98 and 99 are told apart.

    Where the errors differ much, equal distances are equal factors of the error rate. `bars`
    (2, n) widen the axis, but a bar of few seeds may run out of it rather than flatten the rest.
    """
    axes.set_ylabel("test accuracy (%)")
    known = np.isfinite(percents)
    errors = 100 - percents[known]
    low, high = errors.min(), errors.max()
    if bars is not None:
        low = max((errors - bars[1][known]).min(), low / BARS_UP_TO)
        high = min((errors + bars[0][known]).max(), high * BARS_UP_TO)
    if high < LOG_ERRORS_FROM * low or high == 0:
        # Equal errors are drawn equal, not as a picture of their last digit.
        pad = max((high - low) * 0.12, high * 0.05, 0.01)
        axes.set_ylim(100 - high - pad, 100 - low + pad)
        return
    # A perfect score has no place on a scale of errors: half the next best error is lent to all.
    lent = 0.0 if low > 0 else errors[errors > 0].min(initial=high) / 2
    top, bottom = (low + lent) / 1.15 - lent, (high + lent) * 1.15 - lent
    axes.set_yscale(
        "function",
        functions=(
            lambda accuracy: -np.log10(np.maximum(100 - np.asarray(accuracy), top) + lent),
            lambda position: 100 + lent - 10.0 ** -np.asarray(position),
        ),
    )
    axes.set_ylim(100 - bottom, 100 - top)
    axes.set_ylabel("test accuracy (%)\nlog scale of errors")
    marks = _round_numbers(max(top, lent), bottom)
    _place_marks(axes, 100 - (np.append(marks, 0.0) if lent else marks))


def loss_axis(axes: Axes, losses: Floats) -> None:
    """Scale the y axis for losses logarithmically, marked with round numbers."""
    known = losses[np.isfinite(losses) & (losses > 0)]
    if len(known) == 0:
        return
    low, high = known.min() / 1.15, known.max() * 1.15
    axes.set(yscale="log", ylim=(low, high), ylabel="loss (nat), log scale")
    _place_marks(axes, _round_numbers(low, high))


def _place_marks(axes: Axes, marks: Floats) -> None:
    axes.yaxis.set_major_locator(FixedLocator(marks.tolist()))
    axes.yaxis.set_minor_locator(FixedLocator([]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda mark, _: f"{mark:.6g}"))


def _round_numbers(low: float, high: float) -> Floats:
    """Pick round errors between two limits: 1, 2, 5 times a power of ten, or finer if few."""
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        numbers = np.outer(decades, steps).ravel()
        inside = numbers[(numbers >= low) & (numbers <= high)]
        if len(inside) >= 4:
            break
    return inside
