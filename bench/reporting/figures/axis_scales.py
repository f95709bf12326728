"""Error bars and axis scales for speeds, accuracies, losses, ratios and differences."""

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import (
    EngFormatter,
    FixedLocator,
    Formatter,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from bench.reporting.sample_notes import Speed
from bench.stats.estimates import Floats

LOG_FROM = 8.0  # amounts that differ by more than this factor get a logarithmic axis
LOG_ERRORS_FROM = 2.5  # the same for the error rates behind accuracies
BARS_UP_TO = 2.0  # a bar widens an axis of accuracies by at most this factor of the error
SYMLOG_FROM = 10.0  # times the median difference: larger ones are drawn on a log scale
TICK_GAP = 0.17  # of the axis: ticks that are closer have overlapping labels


def error_bars(cells: pd.DataFrame, measure: str, centre: str = "median") -> Floats:
    """Return (2, n) distances from the estimates to their interval ends, 0 without interval."""
    value, low, high = (
        cells[f"{measure}_{part}"].to_numpy(dtype=float) for part in (centre, "low", "high")
    )
    bars: Floats = np.nan_to_num(np.stack([value - low, high - value])).clip(min=0)
    return bars


def accuracy_bars(cells: pd.DataFrame, measure: str = "accuracy") -> Floats:
    """Return the `error_bars` of mean accuracies in percentage points."""
    return 100 * error_bars(cells, measure, "mean")


def amount_axis(
    axes: Axes,
    which: Literal["x", "y"],
    amounts: Floats,
    name: str,
    remark: str = "",
    formatter: Formatter | None = None,
) -> None:
    """Scale an axis of positive amounts: from zero, or logarithmic where they differ much."""
    known = amounts[np.isfinite(amounts) & (amounts > 0)]
    low, high = known.min(), known.max()
    axis = axes.xaxis if which == "x" else axes.yaxis
    if high / low > LOG_FROM:
        name += ", log scale"
        axes.set(**{f"{which}scale": "log", f"{which}lim": (low / 1.3, high * 1.3)})
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_formatter(NullFormatter())
    else:
        axes.set(**{f"{which}lim": (0, high * 1.12)})
    axis.set_major_formatter(formatter or EngFormatter(sep=""))
    axis.set_label_text(name + remark)


def speed_axis(axes: Axes, which: Literal["x", "y"], speeds: Floats, speed: Speed) -> None:
    """Scale and label an axis of speeds."""
    gap = " " if which == "x" else "\n"
    amount_axis(axes, which, speeds, "images/s", f"{gap}({speed.clock})")


def accuracy_axis(axes: Axes, percents: Floats, bars: Floats | None = None) -> None:
    """Scale the y axis for accuracies in percent so that 98 and 99 are distinct.

    Where the errors differ much, equal distances are equal factors of the error rate. `bars`
    (2, n) widen the axis, up to a limit beyond which they are clipped.
    """
    axes.set_ylabel("test accuracy (%)")
    known = np.isfinite(percents)
    errors = 100 - percents[known]
    low, high = errors.min(), errors.max()
    if bars is not None:
        low = max((errors - bars[1][known]).min(), low / BARS_UP_TO)
        high = min((errors + bars[0][known]).max(), high * BARS_UP_TO)
    if high < LOG_ERRORS_FROM * low or high == 0:
        # Without a minimum, equal errors would fill the axis with their rounding differences.
        pad = max((high - low) * 0.12, high * 0.05, 0.01)
        axes.set_ylim(100 - high - pad, 100 - low + pad)
        return
    # A perfect score has no logarithm: add half the smallest other error to all errors.
    offset = 0.0 if low > 0 else errors[errors > 0].min(initial=high) / 2
    top, bottom = (low + offset) / 1.15 - offset, (high + offset) * 1.15 - offset
    axes.set_yscale(
        "function",
        functions=(
            lambda accuracy: -np.log10(np.maximum(100 - np.asarray(accuracy), top) + offset),
            lambda position: 100 + offset - 10.0 ** -np.asarray(position),
        ),
    )
    axes.set_ylim(100 - bottom, 100 - top)
    axes.set_ylabel("test accuracy (%)\nlog scale of errors")
    ticks = _round_numbers(max(top, offset), bottom)
    _set_ticks(axes, 100 - (np.append(ticks, 0.0) if offset else ticks))


def loss_axis(axes: Axes, losses: Floats) -> None:
    """Scale the y axis for losses logarithmically, with ticks at round numbers."""
    known = losses[np.isfinite(losses) & (losses > 0)]
    if len(known):
        low, high = known.min() / 1.15, known.max() * 1.15
        axes.set(yscale="log", ylim=(low, high), ylabel="loss (nat), log scale")
        _set_ticks(axes, _round_numbers(low, high))


def ratio_axis(axes: Axes, name: str, remark: str) -> None:
    """Scale the x axis for ratios logarithmically within its limits."""
    low, high = axes.get_xlim()
    axes.set(xscale="log", xlim=(low, high))
    axes.xaxis.set_major_locator(FixedLocator(_ratio_ticks(low, high).tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.3g}×"))
    axes.set_xlabel(f"{name}, log scale\nover the baseline's: left is faster{remark}")


def _ratio_ticks(low: float, high: float) -> Floats:
    """Return the finest round ratios around 1 whose labels don't overlap."""
    candidates = [
        *(1 + step * np.arange(-9, 10) for step in (0.01, 0.02, 0.05, 0.1)),
        np.array([0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.6, 2, 2.5]),
        np.array([0.25, 0.5, 0.8, 1, 1.25, 2, 4]),
        *(float(base) ** np.arange(-20, 21) for base in (2, 4, 10, 100, 1000)),
    ]
    inside = np.ones(1)
    for ticks in candidates:
        inside = ticks[(ticks >= low) & (ticks <= high)]
        gaps = np.diff(np.log(inside)) / np.log(high / low)
        # Ticks that end far from the axis' ends would leave the rest of it unlabelled.
        reach = low >= 0.7 * ticks[0] and high <= ticks[-1] / 0.7
        if reach and (gaps >= TICK_GAP).all():
            break
    return inside


def difference_axis(axes: Axes, differences: Floats, name: str, remark: str) -> None:
    """Scale the x axis for differences so that a few large ones don't flatten the rest."""
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    sizes, zero = np.abs(differences), "from the baseline"
    if sizes.max() > max(SYMLOG_FROM * float(np.median(sizes)), 10):
        axes.set_xscale("symlog", linthresh=1)
        axes.xaxis.set_major_locator(FixedLocator([-100, -10, -1, 0, 1, 10, 100]))
        axes.xaxis.set_minor_locator(NullLocator())
        low, high = axes.get_xlim()
        axes.set_xlim(low - abs(low) / 2, high + abs(high) / 2)
        zero = "log scale beyond 1"
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _signed(x)))
    axes.set_xlabel(f"{name} (percentage points)\n{zero}: right is better{remark}")


def _signed(x: float) -> str:
    return "0" if abs(x) < 1e-9 else f"{x:+.4g}".replace("-", "−")


def _set_ticks(axes: Axes, ticks: Floats) -> None:
    axes.yaxis.set_major_locator(FixedLocator(ticks.tolist()))
    axes.yaxis.set_minor_locator(FixedLocator([]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:.6g}"))


def _round_numbers(low: float, high: float) -> Floats:
    """Return 1, 2 and 5 times powers of ten between two limits, or more where those are few."""
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        numbers = np.outer(decades, steps).ravel()
        inside = numbers[(numbers >= low) & (numbers <= high)]
        if len(inside) >= 4:
            break
    return inside
