"""The closing table of `bench run`, each number with its uncertainty."""

import shlex
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape

from bench.analysis.comparison_table import ACCURACY
from bench.analysis.disturbances import describe_disturbances
from bench.analysis.time_comparisons import session_noise
from bench.cell_names import is_blank
from bench.cli.terminal import WIDE, table
from bench.formatting import (
    ACCURACY_VERDICTS,
    TIME_VERDICTS,
    format_duration,
    format_number,
    format_percent,
    format_points,
    format_share,
    plural,
)
from bench.reporting.display_names import measured_first, short_names
from bench.reporting.metrics_section import metric_verdicts
from bench.reporting.sentences import sentences
from bench.runner import Decided, FinishedStudy, Narrowed

NUMBERS = ("test accuracy", "training images/s", "step")  # narrow terminals omit the last one
VERDICTS = ("× step time", "Δ accuracy")
COLOURS = {"faster": "green", "better": "green", "slower": "red", "worse": "red"}


def print_result(console: Console, finished: FinishedStudy, runs: int, elapsed_s: float) -> None:
    """Print the closing table, how the runs ended, and where the files are."""
    results = finished.results
    names = short_names(results.summary)
    verdicts = _verdicts(results.comparisons)
    numbers = NUMBERS if console.width >= WIDE else NUMBERS[:-1]
    rows = table(console, "cell", *numbers, *(VERDICTS if verdicts else ()), right={*numbers})
    for cell in measured_first(results.summary).to_dict("records"):
        name = escape(names[cell["cell_id"]])
        if cell["status"] == "ok":
            is_timed = not is_blank(cell["step_images_per_s_median"])
            images_per_s = _estimate(cell, "step_images_per_s" if is_timed else "images_per_s")
            texts = (_accuracy(cell), images_per_s, _estimate(cell, "step", 1e3, " ms"))
            judged = verdicts.get(cell["cell_id"], ("baseline", "")) if verdicts else ()
            rows.add_row(name, *texts[: len(numbers)], *judged)
        else:
            rows.add_row(f"[dim]{name}[/]", f"[dim]{cell['status']}[/]")
    console.print(rows)
    for sentence in sentences(results):
        console.print(sentence.written(escape, lambda name: f"[bold]{escape(name)}[/]"))
    if metrics := metric_verdicts(results):
        listed = "; ".join(f"{metric}: {count}" for metric, count in metrics.items())
        console.print(f"metrics against the baseline cell: {escape(listed)}")
    if verdicts:
        console.print(f"[dim]{_legend(results.comparisons)}[/]")
    if moved := describe_disturbances(results.blocks):
        console.print(f"[yellow]{escape(moved)}[/]")
    if finished.narrowed is not None:
        timed = results.summary["step_n"].sum() > 0
        console.print(_narrowed(finished.narrowed) if timed else "no interval to narrow")
    if finished.decided is not None:
        compared = (results.comparisons["measure"] == ACCURACY).any()
        console.print(_decided(finished.decided) if compared else "no accuracy to decide")
    statuses = ", ".join(f"{n} {status}" for status, n in sorted(finished.statuses.items()))
    console.print(f"{plural(runs, 'run')} in {format_duration(elapsed_s)}; {statuses}")
    console.print(f"tables: {escape(str(finished.folder))}", soft_wrap=True)
    if finished.report is not None:
        console.print(f"report: {escape(str(finished.report))}", soft_wrap=True)
        console.print(_page(finished.folder, finished.report), soft_wrap=True)


def _page(results: Path, report: Path) -> str:
    """Return the path of the report's page, or the command that renders it."""
    page, root = report.with_suffix(".html"), report.parents[1]
    if page.is_file():
        return f"page: {escape(str(page))}"
    options = [] if root == Path("reports") else ["--reports", str(root)]
    command = shlex.join(["bench", "report", str(results), "--html", *options])
    return f"[dim]as a page: {escape(command)}[/]"


def _verdicts(comparisons: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return each cell's verdicts on step time and accuracy, relative to the baseline cell."""
    times, accuracies = {}, {}
    for row in comparisons.to_dict("records"):
        if row["measure"] == "step":
            times[row["cell_id"]] = _judged(f"{row['ratio']:.2f}", TIME_VERDICTS[row["verdict"]])
        elif row["measure"] == ACCURACY:
            points = format_points(100 * row["difference"])
            accuracies[row["cell_id"]] = _judged(points, ACCURACY_VERDICTS[row["verdict"]])
    cells = dict.fromkeys([*times, *accuracies])
    return {cell: (times.get(cell, ""), accuracies.get(cell, "")) for cell in cells}


def _judged(number: str, word: str) -> str:
    colour = COLOURS.get(word)
    return f"{number} [{colour}]{word}[/]" if colour else f"{number} {word}"


def _legend(comparisons: pd.DataFrame) -> str:
    parts = ["× and Δ: relative to the baseline cell, accuracy in percentage points"]
    if (noise := session_noise(comparisons)) is not None:
        known = "noise unknown, too few undisturbed timing sets"
        if noise.detects is not None:
            detects = f"detects changes from {format_share(noise.detects)}"
            known = f"noise floor {format_share(noise.floor)}, {detects}"
        parts.append(f"step time per image: {known}")
    return "; ".join(parts)


def _narrowed(narrowed: Narrowed) -> str:
    sets = plural(narrowed.sets, "more timing set")
    spent = f"{sets} in {format_duration(narrowed.spent_s)}"
    if narrowed.still_wide is None:
        return spent
    if narrowed.still_wide:
        return f"{spent}; {plural(narrowed.still_wide, 'cell')} still wider than requested"
    return f"{spent}; every interval is as narrow as requested"


def _decided(decided: Decided) -> str:
    spent = f"{plural(decided.trials, 'more trial')} in {format_duration(decided.spent_s)}"
    if decided.undecided:
        return f"{spent}; the accuracy of {plural(decided.undecided, 'cell')} is still inconclusive"
    return f"{spent}; every accuracy is decided"


def _accuracy(cell: dict[Any, Any]) -> str:
    mean, low, high = (cell[f"accuracy_{part}"] for part in ("mean", "low", "high"))
    if is_blank(mean):
        return ""
    text = format_percent(mean, float(low), float(high))
    return f"{text} (1 seed)" if cell["seeds"] == 1 else text


def _estimate(cell: dict[Any, Any], measure: str, scale: float = 1.0, unit: str = "") -> str:
    median, low, high = (cell[f"{measure}_{part}"] for part in ("median", "low", "high"))
    if is_blank(median):
        return ""
    if is_blank(low):
        return f"{format_number(scale * median)} (n={cell[f'{measure}_n']}){unit}"
    return format_number(scale * median, scale * low, scale * high) + unit
