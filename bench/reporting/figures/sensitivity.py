"""How much it matters which value is tuned to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.analysis.results import Results
from bench.cell_names import axis_name, format_value, short_value
from bench.formatting import join_words, plural, plural_range
from bench.reporting.figure_style import (
    CELL_COLOURS,
    INK,
    OTHERS,
    canvas,
    only_grid,
    styled,
    wrapped,
)
from bench.reporting.figures.axis_scales import accuracy_axis
from bench.reporting.figures.cell_points import draw_points
from bench.reporting.figures.cell_styles import CellStyle, cell_styles_of
from bench.reporting.figures.figure import Chart
from bench.reporting.tuning_section import Tuned, tuned_of
from bench.stats.estimates import Floats

DECADE = 10.0  # positive numbers that differ by this factor stand at equal factors
SHIFT = 0.025  # of the least distance between values: bars side by side do not hide each other
NAMED_LINES = len(CELL_COLOURS)  # up to so many lines have a colour and bars; of more, neither
TICK_GAP = 0.075  # of the axis: ticks closer than this would touch with their names
PANEL_IN = 3.3
MEAN, LOW, HIGH = (f"validation_accuracy_{part}" for part in ("mean", "low", "high"))


@dataclass(frozen=True, eq=False)
class Scale:
    """Where the values of a tuned field stand from left to right, and which have a tick."""

    places: Mapping[object, float]
    ticks: Sequence[float]
    names: Sequence[str]
    label: str

    @property
    def step(self) -> float:
        """Tell the least distance between two values."""
        return float(np.diff(sorted(self.places.values())).min())


@styled
def sensitivity(tables: Results) -> Sequence[Chart]:
    """Draw validation accuracy over each tuned field, a line a remaining cell."""
    tuned = tuned_of(tables)
    if tuned is None or tuned.candidates[MEAN].isna().all():
        return ()
    fields = [f for f in tuned.fields if tuned.candidates[f].dropna().nunique() > 1]
    if not fields:
        return ()
    styles = _looks(tables, tuned)
    names = join_words(axis_name(field) for field in fields)
    figure = canvas(
        f"How much {'does' if len(fields) == 1 else 'do'} the {names} matter?",
        _how_to_read(tuned),
        body_in=PANEL_IN * len(fields),
        legend=_legend(tuned, styles),
    )
    panels = figure.subplots(len(fields), 1, squeeze=False)[:, 0]
    for axes, field in zip(panels, fields, strict=True):
        _draw(axes, tuned, field, styles)
    alt = f"Validation accuracy by {names} for {plural(len(tuned.remaining), 'tuned cell')}"
    return (Chart("sensitivity", figure, alt, _caption(tuned)),)


def best_over_others(candidates: pd.DataFrame, field: str) -> pd.DataFrame:
    """Keep for each remaining cell and value of a field the best over the other tuned fields.

    What was chosen is kept in any case. A candidate whose trials all ended ok ranks first.
    """
    known = candidates[candidates[field].notna()]
    ranked = known.assign(whole=known["failed"] == 0).sort_values(
        ["chosen", "whole", MEAN], ascending=False, kind="stable"
    )
    return ranked.drop_duplicates(["remaining", field]).sort_index()


def _draw(axes: Axes, tuned: Tuned, field: str, styles: Mapping[int, CellStyle]) -> None:
    points = best_over_others(tuned.candidates, field)
    scale = _scale(field, points[field])
    many = len(styles) > NAMED_LINES
    middle, shift = (len(styles) - 1) / 2, 0.0 if many else SHIFT * scale.step
    x = points[field].map(dict(scale.places)).astype(float)
    points = points.assign(x=x + shift * (points["remaining"] - middle), y=100 * points[MEAN])
    drawn = points[points["y"].notna()].sort_values(["remaining", "x"])
    for remaining, line in drawn.groupby("remaining"):
        colour = styles[int(str(remaining))].colour
        axes.plot(line["x"], line["y"], color=colour, linewidth=0.9 if many else 1.4, zorder=2)
    y = drawn["y"].to_numpy(dtype=float)
    bars = None if many else _bars(drawn)
    own = [styles[i] for i in drawn["remaining"]]
    size = 20 if many else 45
    draw_points(axes, drawn["x"].to_numpy(dtype=float), y, own, y_bars=bars, size=size)
    accuracy_axis(axes, y, bars)
    axes.set_ylabel(axes.get_ylabel().replace("test", "validation"))
    _mark(axes, points, styles)
    axes.set_xticks(scale.ticks, list(scale.names))
    low, high = min(scale.places.values()), max(scale.places.values())
    margin = max(0.35 * scale.step, 0.03 * (high - low))
    axes.set_xlim(low - margin, high + margin)
    axes.set_xlabel(scale.label)
    only_grid(axes, "y")


def _mark(axes: Axes, points: pd.DataFrame, styles: Mapping[int, CellStyle]) -> None:
    """Ring the chosen points, empty those with a failed trial, cross those without any other."""
    failed = points[points["failed"] > 0]
    for x, y, remaining in zip(failed["x"], failed["y"], failed["remaining"], strict=True):
        look = styles[remaining]
        if np.isnan(y):
            across = axes.get_xaxis_transform()
            axes.plot(x, 0.04, "x", color=look.colour, mew=1.8, transform=across, zorder=5)
        else:
            axes.plot(x, y, look.marker, color=look.colour, mfc="white", zorder=5)
    chosen = points[points["chosen"] & points["y"].notna()]
    axes.scatter(
        chosen["x"], chosen["y"], s=150, facecolors="none", edgecolors=INK, linewidths=1.6, zorder=6
    )


def _bars(drawn: pd.DataFrame) -> Floats:
    """Give the distances (2, n) to the ends of the intervals; no interval is no bar."""
    mean, low, high = (100 * drawn[name].to_numpy(dtype=float) for name in (MEAN, LOW, HIGH))
    bars: Floats = np.nan_to_num(np.stack([mean - low, high - mean])).clip(min=0)
    return bars


def _scale(field: str, column: pd.Series) -> Scale:
    """Place a field's values: numbers that span a decade by logarithm, others side by side."""
    values = list(dict.fromkeys(column))
    name = axis_name(field)
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        places = {value: float(i) for i, value in enumerate(values)}
        width = 96 // len(values)
        texts = [wrapped(short_value(field, v), width) for v in values]
        return Scale(places, list(places.values()), texts, name)
    values.sort()
    if values[0] > 0 and (field == "lr" or values[-1] / values[0] >= DECADE):
        places = {value: float(np.log10(float(value))) for value in values}
        name += ", log scale"
    else:
        places = {value: float(i) for i, value in enumerate(values)}
    ticks = _thinned(list(places.values()))
    named = {place: format_value(value) for value, place in places.items()}
    return Scale(places, ticks, [named[tick] for tick in ticks], name)


def _thinned(places: Sequence[float]) -> list[float]:
    """Leave out ticks whose names would touch the one before."""
    gap = TICK_GAP * (places[-1] - places[0])
    kept = [places[0]]
    for place in places[1:]:
        if place - kept[-1] >= gap:
            kept.append(place)
    return kept


def _looks(tables: Results, tuned: Tuned) -> Mapping[int, CellStyle]:
    """Give every remaining cell the look of its chosen cell elsewhere; of many, none has one."""
    if len(tuned.remaining) > NAMED_LINES:
        return dict.fromkeys(tuned.remaining, CellStyle(OTHERS, "o"))
    known = cell_styles_of(tables).styles
    own = {int(r["remaining"]): known.get(r["cell_id"]) for r in tuned.chosen.to_dict("records")}
    found = {i: look for i, look in own.items() if look is not None and look.colour != OTHERS}
    if len(set(found.values())) == len(own):
        return found
    return {i: CellStyle(colour, "o") for i, colour in zip(own, CELL_COLOURS, strict=False)}


def _legend(tuned: Tuned, styles: Mapping[int, CellStyle]) -> list[tuple[Artist, str]]:
    """Name the lines by their cells, where there are several, and what the marks mean."""
    entries: list[tuple[Artist, str]] = []
    if len(styles) > 1 and len(set(styles.values())) == len(styles):
        for i, look in styles.items():
            entries.append((Line2D([], [], color=look.colour, marker=look.marker), tuned.names[i]))
    elif len(styles) > 1:
        line = Line2D([], [], color=OTHERS, marker="o")
        entries.append((line, f"{len(styles)} cells, a line each"))
    ring = Line2D([], [], color=INK, marker="o", mfc="none", markersize=11, mew=1.6, linestyle="")
    entries.append((ring, "chosen"))
    means = tuned.candidates.loc[tuned.candidates["failed"] > 0, MEAN]
    if means.notna().any():
        some = Line2D([], [], color=INK, marker="o", mfc="white", linestyle="")
        entries.append((some, "some trials did not run to their end"))
    if means.isna().any():
        entries.append(
            (Line2D([], [], color=INK, marker="x", linestyle=""), "no trial ran to its end")
        )
    return entries


def _how_to_read(tuned: Tuned) -> str:
    """Say what a point stands on, and on which images it was judged."""
    counts = tuned.candidates.loc[tuned.candidates["n"] > 0, "n"]
    seeds = plural_range(counts, "tuning seed")
    said = f"Value of {seeds}, exploratory" if counts.max() == 1 else f"Mean over {seeds}"
    if tuned.candidates[LOW].notna().any() and len(tuned.remaining) <= NAMED_LINES:
        said += ", bar: 95% interval"
    said += ", on held-out training images"
    if len(tuned.fields) > 1:
        said += ". A point is the best over the other tuned fields"
    return said


def _caption(tuned: Tuned) -> str:
    """Say what was chosen, and how much of the range it stands at the edge of."""
    chosen = tuned.chosen
    said = []
    for field in tuned.fields:
        values = chosen[field].dropna().drop_duplicates()
        if values.empty:
            continue
        if pd.api.types.is_numeric_dtype(values) and len(values) > 1:
            taken = f"{format_value(values.min())} to {format_value(values.max())}"
        else:
            taken = ", ".join(short_value(field, value) for value in values)
        said.append(f"{axis_name(field)} {taken}")
    edges = int(chosen["at_edge"].sum())
    text = f"Chosen: {' and '.join(said)}"
    if edges:
        cells = plural(len(chosen), "cell")
        text += f"; for {edges} of {cells} at the edge of what was tried"
    if len(tuned.fields) > 1:
        text += ". Each point is the best over the other tuned fields"
    return f"{text}."
