"""Comparisons as a forest: a row each, with its interval and the noise floor that it must leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETLEFT, CARETRIGHT
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from bench.analysis.comparisons import ACCURACY
from bench.formatting import (
    ACCURACY_VERDICTS,
    TIME_VERDICTS,
    format_number,
    format_points,
    plural,
    plural_range,
)
from bench.reporting.figure_style import SOFT_INK, canvas
from bench.reporting.figures.cell_rows import Rows, name_rows
from bench.reporting.figures.cell_styles import CellStyle
from bench.stats.estimates import Floats
from bench.stats.verdicts import Verdict

# Blue and red stay apart for the colour-blind; in grey the shapes tell.
VERDICT_LOOKS: Mapping[Verdict, CellStyle] = {
    "IMPROVED": CellStyle("#2166ac", "^"),
    "REGRESSED": CellStyle("#b2182b", "v"),
    "EQUIVALENT": CellStyle("#1a1a1a", "o"),
    "INCONCLUSIVE": CellStyle("#8a8a8a", "D"),
}
FLOOR_COLOUR = "#e9e9e9"
NO_INTERVAL = "inconclusive: too few"

BARS_UP_TO = 1.0  # of the points' range: a longer bar runs out of the panel, with an arrow
FAR = 10.0  # from this multiple of the median difference on, larger ones are drawn on a log scale
TICK_GAP = 0.17  # of the axis: nearer to each other, the ticks' numbers touch


@dataclass(frozen=True, eq=False)
class Panel:
    """One measure of what is compared with the baseline, in the unit in which it is drawn.

    `values` has a row a comparison: value, low, high, floor, n, verdict, left_out. Its index is
    what rows call a cell_id, and `noun` what people call a row. `border` is where nothing differs.
    """

    measure: str
    name: str
    noun: str
    values: pd.DataFrame
    border: float
    sample: str
    average: str
    words: Mapping[str, str]


def forest_panels(compared: pd.DataFrame, noun: str, *, per_image: bool) -> list[Panel]:
    """Make a panel of a step's time and one of test accuracy, whichever was compared.

    `compared` has the columns of comparisons.csv, its index tells the rows. Accuracies become
    differences in percentage points.
    """
    name = "time of a step per image" if per_image else "time of a step"
    both = (
        _times(_of(compared, "step"), name, noun),
        _accuracies(_of(compared, ACCURACY), noun),
    )
    return [panel for panel in both if not panel.values.empty]


def _of(compared: pd.DataFrame, measure: str) -> pd.DataFrame:
    chosen = compared[compared["measure"] == measure]
    return chosen.astype(dict.fromkeys(("ratio", "low", "high", "floor"), float))


def _times(rows: pd.DataFrame, name: str, noun: str) -> Panel:
    return Panel(
        measure="step",
        name=name,
        noun=noun,
        values=rows.assign(value=rows["ratio"]),
        border=1.0,
        sample="timing block",
        average="median",
        words=TIME_VERDICTS,
    )


def _accuracies(rows: pd.DataFrame, noun: str) -> Panel:
    points = 100 * rows["before"].astype(float)  # what ratios and floor are over
    values = rows.assign(
        value=100 * rows["difference"].astype(float),
        low=(rows["low"] - 1) * points,
        high=(rows["high"] - 1) * points,
        floor=rows["floor"] * points,
    )
    return Panel(
        measure=ACCURACY,
        name="test accuracy",
        noun=noun,
        values=values,
        border=0.0,
        sample="seed",
        average="mean",
        words=ACCURACY_VERDICTS,
    )


def draw_forest(title: str, note: str, rows: Rows, panels: Sequence[Panel]) -> Figure:
    """Draw the panels side by side, a row for each of `rows`, whose cells are the panels' keys."""
    read = _note(panels)
    said = f"{note}. {read[0].upper()}{read[1:]}" if note else read
    figure = canvas(title, said, body_in=rows.height_in, legend=_legend(panels))
    drawn: list[Axes] = list(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0])
    for axes, panel in zip(drawn, panels, strict=True):
        _draw(axes, rows, panel)
    return figure


def _draw(axes: Axes, rows: Rows, panel: Panel) -> None:
    values = panel.values.reindex(rows.cells["cell_id"]).reset_index()
    values = values.assign(y=rows.positions)
    values = values[values["value"].notna()]
    low, high = _limits(values, panel)
    axes.set_xlim(low, high)
    axes.barh(
        values["y"], 2 * values["floor"], left=panel.border - values["floor"], height=1,
        color=FLOOR_COLOUR, linewidth=0, zorder=0.6,
    )  # fmt: skip
    axes.axvline(panel.border, color=SOFT_INK, linewidth=1)
    for judged, look in VERDICT_LOOKS.items():
        _draw_points(axes, values[values["verdict"] == judged], look, (low, high))
    name_rows(axes, rows)
    runs_out = ((values["low"] < low) | (values["high"] > high)).any()
    scale = _scale_accuracies if panel.measure == ACCURACY else _scale_ratios
    scale(axes, values["value"], panel.name, "\n(arrow: the bar goes on)" if runs_out else "")


def _scale_ratios(axes: Axes, _: pd.Series, name: str, remark: str) -> None:
    """Scale the times' axis logarithmically within its limits, and name it."""
    low, high = axes.get_xlim()
    axes.set(xscale="log", xlim=(low, high))
    axes.xaxis.set_major_locator(FixedLocator(_ratio_ticks(low, high).tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.3g}×"))
    axes.set_xlabel(f"{name}, log scale\nover the baseline's: left is faster{remark}")


def _scale_accuracies(axes: Axes, points: pd.Series, name: str, remark: str) -> None:
    """Scale the accuracies' axis: a network that learnt nothing does not flatten the others."""
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    sizes, zero = points.abs(), "from the baseline"
    if sizes.max() > max(FAR * sizes.median(), 10):
        axes.set_xscale("symlog", linthresh=1)
        axes.xaxis.set_major_locator(FixedLocator([-100, -10, -1, 0, 1, 10, 100]))
        axes.xaxis.set_minor_locator(NullLocator())
        low, high = axes.get_xlim()
        axes.set_xlim(low - abs(low) / 2, high + abs(high) / 2)
        zero = "log scale beyond 1"
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _signed(x)))
    axes.set_xlabel(f"{name} (percentage points)\n{zero}: right is better{remark}")


def _draw_points(
    axes: Axes, values: pd.DataFrame, look: CellStyle, limits: tuple[float, float]
) -> None:
    """Draw points of one verdict: hollow without an interval; a bar that runs out has an arrow."""
    axes.hlines(values["y"], values["low"], values["high"], colors=look.colour, lw=1.6, zorder=3)
    for side, marker, out in (
        (limits[0], CARETLEFT, values["low"] < limits[0]),
        (limits[1], CARETRIGHT, values["high"] > limits[1]),
    ):
        at = np.full(out.sum(), side)
        axes.plot(at, values.loc[out, "y"], marker=marker, color=look.colour, linestyle="", ms=7)
    for hollow, group in values.groupby(values["low"].isna()):
        axes.scatter(
            group["value"], group["y"], s=42, marker=look.marker, zorder=4, linewidths=1.4,
            facecolors="white" if hollow else look.colour, edgecolors=look.colour,
        )  # fmt: skip


def _limits(values: pd.DataFrame, panel: Panel) -> tuple[float, float]:
    """Hold every point and the floor; a long bar does not flatten the rest."""
    scaled = np.log if panel.measure != ACCURACY else np.asarray
    below = values["floor"] if panel.measure == ACCURACY else values["floor"].clip(upper=0.9)
    band = (panel.border - below, panel.border + values["floor"])
    points = scaled(np.concatenate([values["value"], *band]))
    first, last = points.min(), points.max()
    room = BARS_UP_TO * (last - first)
    low = max(np.fmin(first, scaled(values["low"]).min()), first - room)
    high = min(np.fmax(last, scaled(values["high"]).max()), last + room)
    pad = 0.06 * (high - low)
    if panel.measure != ACCURACY:
        return float(np.exp(low - pad)), float(np.exp(high + pad))
    return float(low - pad), float(high + pad)


def _ratio_ticks(low: float, high: float) -> Floats:
    """Pick the finest round ratios around 1 that leave their numbers room."""
    steps = [1 + step * np.arange(-9, 10) for step in (0.01, 0.02, 0.05, 0.1)]
    round_ones = [
        np.array([0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.6, 2, 2.5]),
        np.array([0.25, 0.5, 0.8, 1, 1.25, 2, 4]),
    ]
    powers = [float(base) ** np.arange(-20, 21) for base in (2, 4, 10, 100, 1000)]
    inside = np.ones(1)
    for ticks in (*steps, *round_ones, *powers):
        inside = ticks[(ticks >= low) & (ticks <= high)]
        gaps = np.diff(np.log(inside)) / np.log(high / low)
        # Ticks that end far short of the axis would leave the rest of it bare.
        reach = low >= 0.7 * ticks[0] and high <= ticks[-1] / 0.7
        if reach and (gaps >= TICK_GAP).all():
            break
    return inside


def _signed(x: float) -> str:
    return "0" if abs(x) < 1e-9 else f"{x:+.4g}".replace("-", "−")


def _legend(panels: Sequence[Panel]) -> list[tuple[Artist, str]]:
    """List the verdicts that occur, in the words of the panels in which they do."""
    entries: list[tuple[Artist, str]] = []
    for judged, look in VERDICT_LOOKS.items():
        words: list[str] = []
        for panel in panels:
            same = panel.values[panel.values["verdict"] == judged]
            if same["low"].notna().any():
                words.append(panel.words[judged])
        if words:
            entries.append((_mark(look), " / ".join(dict.fromkeys(words))))
    if any(panel.values["low"].isna().any() for panel in panels):
        entries.append((_mark(VERDICT_LOOKS["INCONCLUSIVE"], hollow=True), NO_INTERVAL))
    return entries


def _mark(look: CellStyle, *, hollow: bool = False) -> Line2D:
    return Line2D(
        [], [], color=look.colour, marker=look.marker, linestyle="",
        markerfacecolor="white" if hollow else look.colour,
    )  # fmt: skip


def _note(panels: Sequence[Panel]) -> str:
    parts = []
    for panel in panels:
        n = panel.values["n"]
        part = f"{panel.average} over {plural_range(n, panel.sample)}"
        if n.max() == 1:
            part = f"value of {plural_range(n, panel.sample)}"
        without = int(panel.values["low"].isna().sum())
        if without:
            some = "" if without == len(n) else f" in {plural(without, panel.noun)}"
            part += f", exploratory{some}"
        parts.append(part if len(panels) == 1 else f"{panel.name}: {part}")
    said = "; ".join(parts)
    if any(panel.values["low"].notna().any() for panel in panels):
        said += ". Bar: 95% interval"
    left_out = sum(int(panel.values["left_out"].sum()) for panel in panels)
    if left_out:
        said += f". Left out as disturbed: {plural(left_out, 'pair')} of blocks"
    return f"{said}. Grey: the noise floor, within which nothing counts as a difference"


def forest_caption(panels: Sequence[Panel]) -> str:
    """Count the verdicts, and tell how far the rows go from the baseline."""
    said = []
    for panel in panels:
        counts = panel.values["verdict"].value_counts()
        found = [f"{counts[v]} {panel.words[v]}" for v in VERDICT_LOOKS if v in counts]
        told = _difference if panel.measure == ACCURACY else _ratio
        ends = [told(x) for x in (panel.values["value"].min(), panel.values["value"].max())]
        extent = " to ".join(dict.fromkeys(ends))
        unit = " percentage points" if panel.measure == ACCURACY else " the baseline's"
        rows = plural(len(panel.values), panel.noun)
        said.append(f"{panel.name} of {rows}: {', '.join(found)} ({extent}{unit})")
    return ". ".join(sentence[0].upper() + sentence[1:] for sentence in said) + "."


def _ratio(x: float) -> str:
    return f"{format_number(x)}×"


def _difference(x: float) -> str:
    """Write percentage points; what rounds to nothing has no sign."""
    return format_points(x) if abs(x) >= 0.005 else "0.00"
