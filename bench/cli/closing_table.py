"""The closing table of a study, every number with its uncertainty."""

import shlex
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape

from bench.analysis.comparison_rows import ACCURACY, session_noise
from bench.analysis.disturbances import how_it_moved
from bench.analysis.results import read_results
from bench.cell_names import is_blank
from bench.cli.terminal import table
from bench.formatting import (
    ACCURACY_VERDICTS,
    TIME_VERDICTS,
    format_digits,
    format_duration,
    format_points,
    plural,
)
from bench.reporting.sentences import sentences
from bench.reporting.spoken_names import measured_first, short_names
from bench.runner import Finished, Narrowed

NUMBERS = ("test accuracy", "training images/s", "step")
NARROW_NUMBERS = ("test accuracy", "images/s")
VERDICTS = ("× step time", "Δ accuracy")
WIDE = 110  # columns; on less, the step is left to the images/s and intervals are shares
COLOURS = {"faster": "green", "better": "green", "slower": "red", "worse": "red"}


def print_result(console: Console, finished: Finished, runs: int, elapsed_s: float) -> None:
    """Print the closing table, how the runs ended, and where everything lies."""
    tables = read_results(finished.results)
    summary = tables.summary
    names = short_names(summary)
    compared = _compared(tables.comparisons)
    narrow = console.width < WIDE
    numbers = NARROW_NUMBERS if narrow else NUMBERS
    rows = table(console, "cell", *numbers, *(VERDICTS if compared else ()), right={*numbers})
    for cell in measured_first(summary).to_dict("records"):
        name = escape(names[cell["cell_id"]])
        if cell["status"] == "ok":
            verdicts = compared.get(cell["cell_id"], ("baseline", "")) if compared else ()
            texts = (_accuracy(cell), _speed(cell, narrow=narrow), _step(cell))
            rows.add_row(name, *texts[: len(numbers)], *verdicts)
        else:
            rows.add_row(f"[dim]{name}[/]", f"[dim]{cell['status']}[/]")
    console.print(rows)
    for sentence in sentences(tables):
        console.print(sentence.written(escape, lambda name: f"[bold]{escape(name)}[/]"))
    if compared:
        console.print(f"[dim]{_legend(tables.comparisons)}[/]")
    moved = how_it_moved(tables.blocks)
    if moved:
        console.print(f"[yellow]{escape(moved)}[/]")
    if finished.narrowed is not None:
        console.print(_narrowed(finished.narrowed))
    statuses = ", ".join(f"{n} {status}" for status, n in sorted(finished.statuses.items()))
    console.print(f"{plural(runs, 'run')} in {format_duration(elapsed_s)}; {statuses}")
    console.print(f"tables: {escape(str(finished.results))}", soft_wrap=True)
    if finished.report is not None:
        console.print(f"report: {escape(str(finished.report))}", soft_wrap=True)
        console.print(_page(finished.results, finished.report), soft_wrap=True)


def _page(results: Path, report: Path) -> str:
    """Say where the report's page is, or by which command it would be there."""
    page, root = report.with_suffix(".html"), report.parents[1]
    if page.is_file():
        return f"page: {escape(str(page))}"
    elsewhere = [] if root == Path("reports") else ["--reports", str(root)]
    command = shlex.join(["bench", "report", str(results), "--html", *elsewhere])
    return f"[dim]as a page: {escape(command)}[/]"


def _compared(comparisons: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Write how each cell's step time and accuracy stand to the baseline cell's."""
    told: dict[str, dict[str, str]] = {}
    for row in comparisons.to_dict("records"):
        if row["measure"] == "step":
            text = _judged(f"{row['ratio']:.2f}", TIME_VERDICTS[row["verdict"]])
        elif row["measure"] == ACCURACY:
            text = _judged(
                format_points(100 * row["difference"]), ACCURACY_VERDICTS[row["verdict"]]
            )
        else:
            continue
        told.setdefault(row["cell_id"], {})[row["measure"]] = text
    return {cell: (row.get("step", ""), row.get(ACCURACY, "")) for cell, row in told.items()}


def _judged(number: str, word: str) -> str:
    colour = COLOURS.get(word)
    return f"{number} [{colour}]{word}[/]" if colour else f"{number} {word}"


def _legend(comparisons: pd.DataFrame) -> str:
    """Say what stands behind the verdicts: the noise floor, and the least effect to be found."""
    said = ["× and Δ: against the baseline cell, accuracy in points"]
    noise = session_noise(comparisons)
    if noise is not None:
        detects = noise.detects
        found = "exploratory" if detects is None else f"changes are found from {detects:.1%} on"
        said.append(f"step time by image, noise floor {noise.floor:.1%}, {found}")
    return "; ".join(said)


def _narrowed(narrowed: Narrowed) -> str:
    """Say what was spent on wide intervals, and what was reached."""
    spent = f"{plural(narrowed.blocks, 'extra block')} ({plural(narrowed.runs, 'run')})"
    said = f"{spent} in {format_duration(narrowed.spent_s)}"
    if narrowed.still_wide:
        return f"{said}; {plural(narrowed.still_wide, 'cell')} still wider than asked for"
    return f"{said}; every interval is as narrow as asked for"


def _accuracy(cell: dict[Any, Any]) -> str:
    if is_blank(cell["accuracy_mean"]):
        return ""
    text = f"{100 * cell['accuracy_mean']:.2f}%"
    if is_blank(cell["accuracy_low"]):
        return f"{text} (1 seed)" if cell["seeds"] == 1 else text
    half = 100 * (cell["accuracy_high"] - cell["accuracy_low"]) / 2
    return f"{text} ± {half:.2f}"


def _speed(cell: dict[Any, Any], *, narrow: bool) -> str:
    measure = "images_per_s" if is_blank(cell["step_images_per_s_median"]) else "step_images_per_s"
    if not narrow or is_blank(cell[f"{measure}_low"]):
        return _estimate(cell, measure)
    median, low, high = (cell[f"{measure}_{part}"] for part in ("median", "low", "high"))
    return f"{format_digits(median, low, high)[0]} ± {(high - low) / 2 / median:.0%}"


def _step(cell: dict[Any, Any]) -> str:
    text = _estimate(cell, "step", 1e3)
    return f"{text} ms" if text else ""


def _estimate(cell: dict[Any, Any], measure: str, scale: float = 1.0) -> str:
    median, low, high = (cell[f"{measure}_{part}"] for part in ("median", "low", "high"))
    if is_blank(median):
        return ""
    if is_blank(low):
        return f"{format_digits(scale * median)[0]} (n={cell[f'{measure}_n']})"
    value, *ends = format_digits(scale * median, scale * low, scale * high)
    return f"{value} ({'–'.join(ends)})"
