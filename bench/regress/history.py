"""Trends of stored benchmarks, per kind of machine: their steps, a report and figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import bench.reporting.matplotlib_import  # noqa: F401

# isort: split
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.csv_text import as_text, csv_of
from bench.formatting import EXPLORATORY, format_number, plural
from bench.regress.benchmark_names import printable, short_names
from bench.regress.stored_benchmarks import BenchmarkStats, Session
from bench.reporting.colours import CELL_COLOURS, SOFT_INK
from bench.reporting.figure_style import canvas, fonts_for, png_bytes, styled, wrapped
from bench.reporting.markdown_text import escape, table
from bench.stats.change_points import change_points
from bench.stats.estimates import Estimate, unpaired_ratio
from bench.store import write_atomic

LEAST_STEP = 0.02  # smaller changes of level are not reported
FALSE_ALARMS = 0.05  # probability of any step at all in a history without steps
PANELS, PANEL_COLUMNS, PANEL_IN = 12, 3, 1.75  # of a figure; height of a row
STEP_COLOUR = CELL_COLOURS[1]
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
COLUMNS = ("fingerprint", "benchmark", "session", "commit", "when", "median_s", "low_s", "high_s")
HOW_TO_READ = """\
## How to read this

A session is one stored run of the suite; those with uncommitted changes are left out. A time is
the median of a session's rounds, its interval the notch of McGill, Tukey and Larsen (1978). A step
is a new level: a change of more than 2%, at a split of the sessions by rank; in 19 of 20 histories
without any change, no benchmark shows one. Of thirty sessions and fifty benchmarks, six sessions
on either side reveal a step of 10% in noise of 2%; four never do. The cause is among the commits
of the range, which `git log` takes as written. Sessions of another machine or other software are
in a section of their own, and never compared with these.
"""


@dataclass(frozen=True)
class Step:
    """A benchmark's new level: its first session, and its ratio to the level before."""

    at: int
    after: str  # the last commit with the old level
    by: str  # the first with the new one
    ratio: Estimate


@dataclass(frozen=True)
class Trend:
    """One benchmark on one kind of machine: its sessions in order, and its steps.

    `benchmark` is its full name, `name` a short unique one.
    """

    fingerprint: str
    benchmark: str
    name: str
    sessions: tuple[Session, ...]
    steps: tuple[Step, ...]

    @property
    def measured(self) -> list[BenchmarkStats]:
        """Its measurement in each session."""
        return [session.benchmarks[self.benchmark] for session in self.sessions]


def find_trends(sessions: Sequence[Session]) -> list[Trend]:
    """Return the trend of every benchmark per fingerprint, without uncommitted sessions.

    A step is a change of level by more than 2% that is significant at 5% over all trends together.
    """
    clean = [session for session in sessions if not session.is_dirty]
    groups = {
        (session.fingerprint, name): [
            s for s in clean if s.fingerprint == session.fingerprint and name in s.benchmarks
        ]
        for session in clean
        for name in session.benchmarks
    }
    names = short_names(name for _, name in groups)
    level = FALSE_ALARMS / max(len(groups), 1)
    return [
        Trend(fingerprint, name, names[name], tuple(group), tuple(_steps(group, name, level)))
        for (fingerprint, name), group in sorted(groups.items(), key=lambda item: item[0])
    ]


def with_machines(trends: Sequence[Trend]) -> list[Trend]:
    """Add the machine's number in the report to each name, if there are several machines."""
    machines = list(dict.fromkeys(trend.fingerprint for trend in trends))
    if len(machines) < 2:
        return list(trends)
    return [
        replace(trend, name=f"{trend.name} (machine {machines.index(trend.fingerprint) + 1})")
        for trend in trends
    ]


def _steps(sessions: Sequence[Session], name: str, level: float) -> Iterator[Step]:
    medians = [session.benchmarks[name].median_s for session in sessions]
    points = change_points(medians, level)
    borders = [0, *points, len(medians)]
    for start, at, end in zip(borders, points, borders[2:], strict=False):
        ratio = unpaired_ratio(medians[start:at], medians[at:end])
        if abs(ratio.value - 1) > LEAST_STEP:
            yield Step(at, sessions[at - 1].commit, sessions[at].commit, ratio)


def describe_step(step: Step) -> str:
    """Return the ratio of the times and the range of commits: "1.1 [1.08, 1.12] … a..b"."""
    value, low, high = step.ratio.value, step.ratio.low, step.ratio.high
    if low is None or high is None:
        ratio = f"{value:.2f} {EXPLORATORY}"
    else:
        ratio = format_number(value, low, high)
    return f"{ratio} times as long in {step.after[:9]}..{step.by[:9]}"


def write_history(trends: Sequence[Trend], left_out: int, folder: Path) -> Path:
    """Write report.md, history.csv and figures into a folder; return the report's path.

    Raises StoreError if the folder can't be written.
    """
    figures = folder / "figures"
    lines = ["# History of the benchmarks", ""]
    written = set()
    for i, fingerprint in enumerate(dict.fromkeys(trend.fingerprint for trend in trends), 1):
        group = [trend for trend in trends if trend.fingerprint == fingerprint]
        lines += [f"## Machine {i}: {escape(fingerprint)}", ""]
        lines += [*_step_lines(group), "", *_table(group), ""]
        parts = range(0, len(group), PANELS)
        for part, start in enumerate(parts, 1):
            name = f"machine{i}_{part}.png"
            number = f"({part} of {len(parts)})" if len(parts) > 1 else ""
            shown = group[start : start + PANELS]
            with fonts_for(trend.benchmark for trend in shown):
                write_atomic(figures / name, png_bytes(draw_trends(shown, number)))
            written.add(name)
            lines += [f"![The median of each benchmark by session](figures/{name})", ""]
    if left_out:
        lines += [f"Left out: {plural(left_out, 'session')} with uncommitted changes.", ""]
    for path in figures.glob("*.png"):
        if path.name not in written:
            path.unlink()
    write_atomic(folder / "history.csv", csv_of(COLUMNS, _rows(trends)))
    write_atomic(folder / "report.md", "\n".join(lines) + HOW_TO_READ)
    return folder / "report.md"


def _step_lines(trends: Sequence[Trend]) -> list[str]:
    lines = [
        f"- **{escape(trend.name)}**: {escape(describe_step(step))}"
        for trend in trends
        for step in trend.steps
    ]
    return lines or ["No steps."]


def _table(trends: Sequence[Trend]) -> list[str]:
    columns = ("benchmark", "sessions", "last median, ms", "last / first", "steps")
    rows = []
    for trend in trends:
        first, last = trend.measured[0], trend.measured[-1]
        time = format_number(1e3 * last.median_s, 1e3 * last.low_s, 1e3 * last.high_s)
        ratio = f"{last.median_s / first.median_s:.2f}"
        rows.append((escape(trend.name), len(trend.sessions), time, ratio, len(trend.steps)))
    return table(columns, rows, right={*columns[1:]})


def _rows(trends: Sequence[Trend]) -> Iterator[dict[str, Any]]:
    for trend in trends:
        for i, (session, m) in enumerate(zip(trend.sessions, trend.measured, strict=True)):
            name = printable(trend.benchmark)
            names = map(as_text, (trend.fingerprint, name, str(i), session.commit))
            values = (*names, session.when.isoformat(), m.median_s, m.low_s, m.high_s)
            yield dict(zip(COLUMNS, values, strict=True))


@styled
def draw_trends(trends: Sequence[Trend], number: str) -> Figure:
    """Draw a panel per benchmark: medians with 95% intervals by session, and lines at steps."""
    rows = -(-len(trends) // PANEL_COLUMNS)
    figure = canvas(
        f"Time of each benchmark by commit {number}".rstrip(),
        "Median of a session's rounds with its 95% interval. Each panel has its own scale from 0",
        body_in=rows * PANEL_IN,
        legend=[
            (Line2D([], [], color=CELL_COLOURS[0], marker="o", markersize=4), "one session"),
            (Line2D([], [], color=STEP_COLOUR, linestyle="--"), "step to a new level"),
        ],
    )
    panels = figure.subplots(rows, PANEL_COLUMNS, squeeze=False).flat
    for axes, trend in zip(panels, trends, strict=False):
        _draw_panel(axes, trend)
    for axes in list(panels):  # the unused ones
        axes.remove()
    return figure


def _draw_panel(axes: Axes, trend: Trend) -> None:
    measured = trend.measured
    highest = max(m.high_s for m in measured)
    factor, unit = next((u for u in UNITS if highest >= u[0]), UNITS[-1])
    at = np.arange(len(measured))
    median, low, high = (
        np.array([getattr(m, field) for m in measured]) / factor
        for field in ("median_s", "low_s", "high_s")
    )
    axes.fill_between(at, low, high, color=CELL_COLOURS[0], alpha=0.2, linewidth=0)
    axes.plot(at, median, color=CELL_COLOURS[0], marker="o", markersize=3, linewidth=1.2)
    for step in trend.steps:
        axes.axvline(step.at - 0.5, color=STEP_COLOUR, linestyle="--", linewidth=1.2)
        axes.annotate(
            f"{step.ratio.value - 1:+.0%}".replace("-", "−"),
            (step.at - 0.5, 0), (4, 4),
            textcoords="offset points", color=STEP_COLOUR, fontsize=9.5,
        )  # fmt: skip
    axes.set_ylim(0, 1.08 * highest / factor)
    axes.set_title(wrapped(trend.name, 34), fontsize=9)
    axes.set_ylabel(unit, rotation=0, labelpad=10, va="center", color=SOFT_INK)
    ticks = sorted({0, len(at) - 1, *(step.at for step in trend.steps)})
    axes.set_xticks(ticks, [trend.sessions[i].commit[:7] for i in ticks], fontsize=8)
    axes.grid(visible=False, axis="x")
