"""The history's page: what stepped, in words; every benchmark, in a table and in a figure."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.csv_text import as_text
from bench.formatting import format_number
from bench.regress.benchmark_names import printable
from bench.regress.history import Step, Trend
from bench.regress.history_figure import PANELS, draw
from bench.reporting.figure_style import png_bytes
from bench.reporting.fonts import fonts_for
from bench.reporting.markdown_text import escape, table
from bench.store import write_atomic

HOW_TO_READ = """\
## How to read this

A session is one stored run of the suite; those of a dirty tree are left out. A time is the median
of a session's rounds, its interval the notch of McGill, Tukey and Larsen (1978). A step is a new
level: a split of the sessions by rank that fewer random orders of them would give than one history
in twenty, all its benchmarks together, and a change of more than 2%. Of thirty sessions and fifty
benchmarks, six on either side show a step of a tenth in noise of 2%; four never do. What made it
is among the commits named: `git log` takes the range as it stands. Sessions of another machine, or
other software, stand in another section, and are never held against these.
"""
COLUMNS = ("fingerprint", "benchmark", "session", "commit", "when", "median_s", "low_s", "high_s")


def render(trends: Sequence[Trend], left_out: int, folder: Path) -> Path:
    """Write report.md, history.csv and the figures into a folder; returns the page's path.

    Raises StoreError where the folder can't be written.
    """
    figures = folder / "figures"
    lines = ["# History of the benchmarks", ""]
    made = set()
    for i, fingerprint in enumerate(dict.fromkeys(t.fingerprint for t in trends)):
        its = [trend for trend in trends if trend.fingerprint == fingerprint]
        lines += [f"## {escape(fingerprint)}", "", *_said(its), "", *_table(its), ""]
        parts = range(0, len(its), PANELS)
        for part, start in enumerate(parts):
            stem = f"machine{i + 1}_{part + 1}"
            which = f"({part + 1} of {len(parts)})" if len(parts) > 1 else ""
            shown = its[start : start + PANELS]
            with fonts_for(trend.benchmark for trend in shown):
                write_atomic(figures / f"{stem}.png", png_bytes(draw(shown, which)))
            made.add(f"{stem}.png")
            lines += [f"![The median of each benchmark by session](figures/{stem}.png)", ""]
    if left_out:
        what = "1 session" if left_out == 1 else f"{left_out} sessions"
        lines += [f"Left out: {what} of a dirty tree.", ""]
    for path in figures.glob("*.png"):
        if path.name not in made:
            path.unlink()
    write_atomic(folder / "history.csv", _csv(trends))
    write_atomic(folder / "report.md", "\n".join(lines) + HOW_TO_READ)
    return folder / "report.md"


def told(step: Step) -> str:
    """Say by how much a step changes the time, and in which commits, as git names a range."""
    ratio = step.ratio
    low, high = ratio.low, ratio.high
    if low is None or high is None:
        change = f"{ratio.value:.2f} times as long (too few sessions for an interval)"
    else:
        change = f"{format_number(ratio.value, low, high)} times as long"
    return f"{change}, in {step.after[:9]}..{step.by[:9]}"


def _said(trends: Sequence[Trend]) -> Iterator[str]:
    stepped = [(trend, step) for trend in trends for step in trend.steps]
    for trend, step in stepped:
        yield f"- **{escape(trend.name)}**: {escape(told(step))}"
    if not stepped:
        yield "No benchmark steps."


def _table(trends: Sequence[Trend]) -> list[str]:
    columns = ("benchmark", "sessions", "last median, ms", "last over first", "steps")
    return table(columns, map(_cells, trends), right={*columns[1:]})


def _cells(trend: Trend) -> tuple[object, ...]:
    first, last = trend.measured[0], trend.measured[-1]
    time = format_number(1e3 * last.median_s, 1e3 * last.low_s, 1e3 * last.high_s)
    moved = f"{last.median_s / first.median_s:.2f}"
    return escape(trend.name), len(trend.sessions), time, moved, len(trend.steps)


def _csv(trends: Sequence[Trend]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for trend in trends:
        for i, (session, m) in enumerate(zip(trend.sessions, trend.measured, strict=True)):
            name = printable(trend.benchmark)
            names = map(as_text, (trend.fingerprint, name, str(i), session.commit))
            writer.writerow([*names, session.when.isoformat(), m.median_s, m.low_s, m.high_s])
    return text.getvalue()
