"""Validation accuracy over each tuned field."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.analysis.results import Results
from bench.cell_names import axis_name, format_value, short_value
from bench.formatting import join_words, plural, plural_range
from bench.reporting.colours import CELL_COLOURS, INK, OTHER_CELLS
from bench.reporting.figure_style import Chart, Legend, canvas, styled, wrapped
from bench.reporting.figures.axis_scales import accuracy_axis, accuracy_bars
from bench.reporting.figures.cell_styles import CellStyle, cell_styles_of, draw_points
from bench.reporting.tuning_section import Tuned, tuned_of

LOG_FROM = 10.0  # positive numbers that differ by this factor are placed by their logarithm
SHIFT = 0.025  # of the least distance between values: shifts lines, so that bars don't overlap
COLOURED_LINES = len(CELL_COLOURS)  # up to so many lines have a colour and bars
TICK_GAP = 0.075  # of the axis: ticks that are closer have overlapping labels
PANEL_IN = 3.3
ACCURACY = "validation_accuracy"
MEAN, LOW = f"{ACCURACY}_mean", f"{ACCURACY}_low"


@styled
def sensitivity(results: Results) -> Sequence[Chart]:
    """Draw validation accuracy over each tuned field, one line per remaining cell."""
    tuned = tuned_of(results)
    if tuned is None or tuned.candidates[MEAN].isna().all():
        return ()
    fields = [f for f in tuned.fields if tuned.candidates[f].dropna().nunique() > 1]
    if not fields:
        return ()
    styles = _styles(results, tuned)
    names = join_words(axis_name(field) for field in fields)
    title = f"How much {'does' if len(fields) == 1 else 'do'} the {names} matter?"
    legend = _legend(tuned, styles)
    figure = canvas(title, _note(tuned), body_in=PANEL_IN * len(fields), legend=legend)
    panels = figure.subplots(len(fields), 1, squeeze=False)[:, 0]
    for axes, field in zip(panels, fields, strict=True):
        _draw(axes, tuned, field, styles)
    alt = f"Validation accuracy by {names} for {plural(len(tuned.remaining), 'tuned cell')}"
    return (Chart("sensitivity", figure, alt, _caption(tuned)),)


def _best_over_others(candidates: pd.DataFrame, field: str) -> pd.DataFrame:
    """Return the best over the other tuned fields, for each remaining cell and value of a field.

    The chosen candidate always ranks first, then those without a failed trial.
    """
    known = candidates[candidates[field].notna()]
    ranked = known.assign(complete=known["failed"] == 0).sort_values(
        ["chosen", "complete", MEAN], ascending=False, kind="stable"
    )
    return ranked.drop_duplicates(["remaining", field]).sort_index()


def _draw(axes: Axes, tuned: Tuned, field: str, styles: Mapping[int, CellStyle]) -> None:
    points = _best_over_others(tuned.candidates, field)
    positions = _set_x_axis(axes, field, points[field])
    many = len(styles) > COLOURED_LINES
    shift = 0.0 if many else SHIFT * _least_step(positions)
    shifts = shift * (points["remaining"] - (len(styles) - 1) / 2)
    places = points[field].map(dict(positions)).astype(float) + shifts
    points = points.assign(x=places, y=100 * points[MEAN])
    drawn = points[points["y"].notna()].sort_values(["remaining", "x"])
    for remaining, line in drawn.groupby("remaining"):
        colour = styles[int(str(remaining))].colour
        axes.plot(line["x"], line["y"], color=colour, linewidth=0.9 if many else 1.4, zorder=2)
    x, y = drawn["x"].to_numpy(dtype=float), drawn["y"].to_numpy(dtype=float)
    bars = None if many else accuracy_bars(drawn, ACCURACY)
    own = [styles[i] for i in drawn["remaining"]]
    draw_points(axes, x, y, own, y_bars=bars, size=20 if many else 45)
    accuracy_axis(axes, y, bars)
    axes.set_ylabel(axes.get_ylabel().replace("test", "validation"))
    _mark(axes, points, styles)


def _mark(axes: Axes, points: pd.DataFrame, styles: Mapping[int, CellStyle]) -> None:
    failed = points[points["failed"] > 0]
    for x, y, remaining in zip(failed["x"], failed["y"], failed["remaining"], strict=True):
        style = styles[remaining]
        if np.isnan(y):
            at_bottom = axes.get_xaxis_transform()
            axes.plot(x, 0.04, "x", color=style.colour, mew=1.8, transform=at_bottom, zorder=5)
        else:
            axes.plot(x, y, style.marker, color=style.colour, mfc="white", zorder=5)
    chosen = points[points["chosen"] & points["y"].notna()]
    axes.scatter(
        chosen["x"], chosen["y"], s=150, facecolors="none", edgecolors=INK, linewidths=1.6, zorder=6
    )


def _set_x_axis(axes: Axes, field: str, column: pd.Series) -> Mapping[object, float]:
    """Scale the x axis for a field: numbers over a decade by logarithm, others equally spaced.

    Returns the position of every value.
    """
    values, name = list(dict.fromkeys(column)), axis_name(field)
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if is_number:
        values.sort()
    positions = {value: float(i) for i, value in enumerate(values)}
    if is_number and values[0] > 0 and (field == "lr" or values[-1] / values[0] >= LOG_FROM):
        positions = {value: float(np.log10(float(value))) for value in values}
        name += ", log scale"
    low, high = min(positions.values()), max(positions.values())
    if is_number:
        ticks: dict[float, str] = {}
        for value, position in positions.items():
            if not ticks or position - max(ticks) >= TICK_GAP * (high - low):
                ticks[position] = format_value(value)
    else:
        width = 96 // len(values)
        ticks = {i: wrapped(short_value(field, value), width) for value, i in positions.items()}
    axes.set_xticks(list(ticks), list(ticks.values()))
    margin = max(0.35 * _least_step(positions), 0.03 * (high - low))
    axes.set(xlim=(low - margin, high + margin), xlabel=name)
    axes.grid(visible=False, axis="x")
    return positions


def _least_step(positions: Mapping[object, float]) -> float:
    return float(np.diff(sorted(positions.values())).min())


def _styles(results: Results, tuned: Tuned) -> Mapping[int, CellStyle]:
    """Return for every remaining cell the style of its chosen cell in other figures, if it can."""
    if len(tuned.remaining) > COLOURED_LINES:
        return dict.fromkeys(tuned.remaining, CellStyle(OTHER_CELLS))
    known = cell_styles_of(results).styles
    own = {int(r["remaining"]): known.get(r["cell_id"]) for r in tuned.chosen.to_dict("records")}
    found = {i: style for i, style in own.items() if style and style.colour != OTHER_CELLS}
    if len(set(found.values())) == len(own):
        return found
    return {i: CellStyle(colour) for i, colour in zip(own, CELL_COLOURS, strict=False)}


def _legend(tuned: Tuned, styles: Mapping[int, CellStyle]) -> Legend:
    entries: Legend = []
    if len(styles) > 1 and len(set(styles.values())) == len(styles):
        entries += [
            (Line2D([], [], color=style.colour, marker=style.marker), tuned.names[i])
            for i, style in styles.items()
        ]
    elif len(styles) > 1:
        line = Line2D([], [], color=OTHER_CELLS, marker="o")
        entries.append((line, f"{len(styles)} cells, one line each"))
    ring = Line2D([], [], color=INK, marker="o", mfc="none", markersize=11, mew=1.6, linestyle="")
    entries.append((ring, "chosen"))
    means = tuned.candidates.loc[tuned.candidates["failed"] > 0, MEAN]
    if means.notna().any():
        hollow = Line2D([], [], color=INK, marker="o", mfc="white", linestyle="")
        entries.append((hollow, "some trials did not finish"))
    if means.isna().any():
        cross = Line2D([], [], color=INK, marker="x", linestyle="")
        entries.append((cross, "no trial finished"))
    return entries


def _note(tuned: Tuned) -> str:
    counts = tuned.candidates.loc[tuned.candidates["n"] > 0, "n"]
    seeds = plural_range(counts, "tuning seed")
    note = f"Value of {seeds}, exploratory" if counts.max() == 1 else f"Mean over {seeds}"
    if tuned.candidates[LOW].notna().any() and len(tuned.remaining) <= COLOURED_LINES:
        note += ", bar: 95% interval"
    note += ", on held-out training images"
    if len(tuned.fields) > 1:
        note += ". Each point is the best over the other tuned fields"
    return note


def _caption(tuned: Tuned) -> str:
    chosen, parts = tuned.chosen, []
    for field in tuned.fields:
        values = chosen[field].dropna().drop_duplicates()
        text = ", ".join(short_value(field, value) for value in values)
        if pd.api.types.is_numeric_dtype(values) and len(values) > 1:
            text = f"{format_value(values.min())} to {format_value(values.max())}"
        if len(values):
            parts.append(f"{axis_name(field)} {text}")
    caption = f"Chosen: {' and '.join(parts)}"
    if edges := int(chosen["at_edge"].sum()):
        cells = plural(len(chosen), "cell")
        caption += f"; for {edges} of {cells} at the edge of the tested range"
    if len(tuned.fields) > 1:
        caption += ". Each point is the best over the other tuned fields"
    return f"{caption}."
