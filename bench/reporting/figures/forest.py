"""Forest plots: comparisons with the baseline, each with its interval and the noise floor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.markers import CARETLEFT, CARETRIGHT

from bench.analysis.comparison_table import ACCURACY
from bench.analysis.results import Results
from bench.cell_names import BASELINE
from bench.formatting import (
    ACCURACY_VERDICTS,
    TIME_VERDICTS,
    format_number,
    format_points,
    join_words,
    plural,
    plural_range,
)
from bench.reporting.colours import NOISE_FLOOR, SOFT_INK, VERDICT_COLOURS
from bench.reporting.figure_style import Chart, Legend, canvas, styled
from bench.reporting.figures.axis_scales import difference_axis, ratio_axis
from bench.reporting.figures.cell_styles import CellStyle, Rows, cell_styles_of, name_rows, rows_of
from bench.stats.verdicts import Verdict

# The shapes distinguish verdicts in black and white.
VERDICT_STYLES: Mapping[Verdict, CellStyle] = {
    "IMPROVED": CellStyle(VERDICT_COLOURS["IMPROVED"], "^"),
    "REGRESSED": CellStyle(VERDICT_COLOURS["REGRESSED"], "v"),
    "EQUIVALENT": CellStyle(VERDICT_COLOURS["EQUIVALENT"], "o"),
    "INCONCLUSIVE": CellStyle(VERDICT_COLOURS["INCONCLUSIVE"], "D"),
}
NO_INTERVAL = "inconclusive: too few samples"

DIFFERENCE = ("difference", "difference_low", "difference_high")
LEAST_PAD = 0.1  # of an axis, in its unit
BARS_UP_TO = 1.0  # of the points' range: a longer bar is clipped and ends in an arrow


@dataclass(frozen=True, eq=False)
class Panel:
    """One measure of the rows that are compared with the baseline, in the unit of its axis.

    `values` has a row per comparison: value, low, high, floor, n, verdict, left_out. Its index
    is the rows' cell_id, and `noun` is what a row is called.
    """

    measure: str
    name: str
    noun: str
    values: pd.DataFrame

    @property
    def is_accuracy(self) -> bool:
        """Return whether values are differences in percentage points, not ratios of times."""
        return self.measure == ACCURACY

    @property
    def no_difference(self) -> float:
        """Return the value at which nothing differs from the baseline."""
        return 0.0 if self.is_accuracy else 1.0

    @property
    def verdict_words(self) -> Mapping[str, str]:
        """Return the words for verdicts on this measure."""
        return ACCURACY_VERDICTS if self.is_accuracy else TIME_VERDICTS


@styled
def against_baseline(results: Results) -> Sequence[Chart]:
    """Draw every cell's time of a step and test accuracy against the baseline's, fastest first.

    A one-at-a-time study shows its changes instead, the one that costs most accuracy first.
    """
    changes, panels = results.ordered_changes, baseline_panels(results)
    if not panels:
        return ()
    styles = cell_styles_of(results)
    baseline = styles.labels[str(results.comparisons["baseline_id"].iloc[0])]
    if changes:
        names = {cell_id: change.name for cell_id, change in changes.items()}
        cells = styles.cells.set_index("cell_id", drop=False).loc[list(changes)]
        title = "What does each change do, all else equal?"
        note = "" if baseline == BASELINE else f"Baseline: {baseline}"
        panels = panels[::-1]
    else:
        names, cells = dict(styles.labels), _ordered(styles.cells, panels)
        title, note = f"How does each cell compare with {baseline}?", ""
    reference = "the baseline cell" if baseline == BASELINE else baseline
    subject = f"of {plural(len(cells), panels[0].noun)} against {reference}"
    return (_chart("against_baseline", title, note, subject, rows_of(cells, names), panels),)


@styled
def effects_of_axes(results: Results) -> Sequence[Chart]:
    """Draw the main effects of a full grid on the time of a step and on accuracy, by axis."""
    effects = results.main_effects
    panels = _panels(effects.set_index("effect"), "main effect", results)
    if not panels:
        return ()
    names = list(dict.fromkeys(effects["effect"]))
    rows = rows_of(pd.DataFrame({"cell_id": names}), {name: name for name in names})
    title = "What does each axis change, on average over the others?"
    note = "Means over every combination of the other axes"
    subject = f"for {plural(len(names), 'main effect')}"
    return (_chart("main_effects", title, note, subject, rows, panels),)


def baseline_panels(results: Results) -> list[Panel]:
    """Return a panel for each measure that was compared with the baseline cell's."""
    noun = "change" if results.ordered_changes else "cell"
    return _panels(results.comparisons.set_index("cell_id"), noun, results)


def _panels(compared: pd.DataFrame, noun: str, results: Results) -> list[Panel]:
    steps, accuracies = (
        compared[compared["measure"] == measure].astype(
            dict.fromkeys(("ratio", "low", "high", "floor", *DIFFERENCE), float)
        )
        for measure in ("step", ACCURACY)
    )
    value, low, high = (100 * accuracies[name] for name in DIFFERENCE)
    floor = 100 * accuracies["floor"] * accuracies["before"].astype(float)
    accuracies = accuracies.assign(value=value, low=low, high=high, floor=floor)
    per_image = " per image" if results.trials["batch_size"].nunique() > 1 else ""
    panels = (
        Panel("step", f"time of a step{per_image}", noun, steps.assign(value=steps["ratio"])),
        Panel(ACCURACY, "test accuracy", noun, accuracies),
    )
    return [panel for panel in panels if not panel.values.empty]


def _ordered(cells: pd.DataFrame, panels: Sequence[Panel]) -> pd.DataFrame:
    known = pd.concat([panel.values["value"] for panel in panels], axis=1)
    compared = cells[cells["cell_id"].isin(known.index)]
    first = compared["cell_id"].map(panels[0].values["value"]).astype(float)
    return compared.loc[first.sort_values(ascending=not panels[0].is_accuracy, kind="stable").index]


def _chart(
    stem: str, title: str, note: str, subject: str, rows: Rows, panels: Sequence[Panel]
) -> Chart:
    """Draw the panels; the caption counts the verdicts and gives the range of the rows."""
    how_to_read = _note(panels)
    if note:
        how_to_read = f"{note}. {how_to_read[0].upper()}{how_to_read[1:]}"
    figure = canvas(title, how_to_read, body_in=rows.height_in, legend=_legend(panels))
    columns = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, panel in zip(columns, panels, strict=True):
        _draw(axes, rows, panel)
    sentences = []
    for panel in panels:
        counts = panel.values["verdict"].value_counts()
        words = [f"{counts[v]} {panel.verdict_words[v]}" for v in VERDICT_STYLES if v in counts]
        ends = [panel.values["value"].min(), panel.values["value"].max()]
        if panel.is_accuracy:  # what rounds to nothing has no sign
            texts = [format_points(x) if abs(x) >= 0.005 else "0.00" for x in ends]
        else:
            texts = [f"{format_number(x)}×" for x in ends]
        unit = "percentage points" if panel.is_accuracy else "the baseline's"
        span = f"{' to '.join(dict.fromkeys(texts))} {unit}"
        compared = plural(len(panel.values), panel.noun)
        sentence = f"{panel.name} of {compared}: {', '.join(words)} ({span})."
        sentences.append(sentence[0].upper() + sentence[1:])
    alt = f"{join_words(panel.name for panel in panels)} {subject}, with intervals"
    return Chart(stem, figure, alt[0].upper() + alt[1:], " ".join(sentences))


def _draw(axes: Axes, rows: Rows, panel: Panel) -> None:
    values = panel.values.reindex(rows.cells["cell_id"]).reset_index().assign(y=rows.positions)
    values = values[values["value"].notna()]
    low, high = _limits(values, panel)
    axes.set_xlim(low, high)
    axes.barh(
        values["y"], 2 * values["floor"], left=panel.no_difference - values["floor"], height=1,
        color=NOISE_FLOOR, linewidth=0, zorder=0.6,
    )  # fmt: skip
    axes.axvline(panel.no_difference, color=SOFT_INK, linewidth=1)
    for verdict, style in VERDICT_STYLES.items():
        _draw_points(axes, values[values["verdict"] == verdict], style, (low, high))
    name_rows(axes, rows)
    clipped = ((values["low"] < low) | (values["high"] > high)).any()
    remark = "\n(arrow: the interval continues)" if clipped else ""
    if panel.is_accuracy:
        difference_axis(axes, values["value"].to_numpy(), panel.name, remark)
    else:
        ratio_axis(axes, panel.name, remark)


def _draw_points(
    axes: Axes, values: pd.DataFrame, style: CellStyle, limits: tuple[float, float]
) -> None:
    axes.hlines(values["y"], values["low"], values["high"], colors=style.colour, lw=1.6, zorder=3)
    for end, marker, clipped in (
        (limits[0], CARETLEFT, values["low"] < limits[0]),
        (limits[1], CARETRIGHT, values["high"] > limits[1]),
    ):
        y = values.loc[clipped, "y"]
        axes.plot(np.full(len(y), end), y, marker=marker, color=style.colour, linestyle="", ms=7)
    for hollow, group in values.groupby(values["low"].isna()):
        axes.scatter(
            group["value"], group["y"], s=42, marker=style.marker, zorder=4, linewidths=1.4,
            facecolors="white" if hollow else style.colour, edgecolors=style.colour,
        )  # fmt: skip


def _limits(values: pd.DataFrame, panel: Panel) -> tuple[float, float]:
    """Return limits that contain every point and the floor, and of long bars only a part."""
    to_axis, from_axis = (np.asarray, np.asarray) if panel.is_accuracy else (np.log, np.exp)
    below = values["floor"] if panel.is_accuracy else values["floor"].clip(upper=0.9)
    floor = (panel.no_difference - below, panel.no_difference + values["floor"])
    points = to_axis(np.concatenate([values["value"], *floor]))
    first, last = points.min(), points.max()
    longest = BARS_UP_TO * (last - first)
    low = max(np.fmin(first, to_axis(values["low"]).min()), first - longest)
    high = min(np.fmax(last, to_axis(values["high"]).max()), last + longest)
    pad = 0.06 * (high - low) or LEAST_PAD  # where nothing differs at all
    return float(from_axis(low - pad)), float(from_axis(high + pad))


def _legend(panels: Sequence[Panel]) -> Legend:
    entries: Legend = []
    for verdict, style in VERDICT_STYLES.items():
        words = [
            panel.verdict_words[verdict]
            for panel in panels
            if panel.values.loc[panel.values["verdict"] == verdict, "low"].notna().any()
        ]
        if words:
            mark = Line2D([], [], color=style.colour, marker=style.marker, linestyle="")
            entries.append((mark, " / ".join(dict.fromkeys(words))))
    if any(panel.values["low"].isna().any() for panel in panels):
        style = VERDICT_STYLES["INCONCLUSIVE"]
        hollow = Line2D([], [], color=style.colour, marker=style.marker, mfc="white", linestyle="")
        entries.append((hollow, NO_INTERVAL))
    return entries


def _note(panels: Sequence[Panel]) -> str:
    parts = []
    for panel in panels:
        n, average = panel.values["n"], "mean" if panel.is_accuracy else "Hodges–Lehmann estimate"
        samples = plural_range(n, "seed" if panel.is_accuracy else "timing set")
        part = f"value of {samples}" if n.max() == 1 else f"{average} over {samples}"
        without = int(panel.values["low"].isna().sum())
        if without:
            some = "" if without == len(n) else f" in {plural(without, panel.noun)}"
            part += f", exploratory{some}"
        parts.append(part if len(panels) == 1 else f"{panel.name}: {part}")
    note = "; ".join(parts)
    if any(panel.values["low"].notna().any() for panel in panels):
        note += ". Bar: 95% interval"
    left_out = sum(int(panel.values["left_out"].sum()) for panel in panels)
    if left_out:
        note += f". Left out as disturbed: {plural(left_out, 'pair')} of sets"
    if any(panel.values["floor"].any() for panel in panels):
        note += ". Grey: the noise floor of times; differences within it don't count"
    return note
