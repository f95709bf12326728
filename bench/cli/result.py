"""The closing table of a study, every number with its uncertainty."""

from typing import Any

from rich.console import Console
from rich.markup import escape

from bench.analysis.cells import cell_labels
from bench.analysis.load import read_tables
from bench.cli.terminal import counted, duration, table
from bench.labels import is_blank
from bench.runner import Finished

COLUMNS = ("cell", "test accuracy", "training images/s", "step")


def print_result(console: Console, finished: Finished, runs: int, elapsed_s: float) -> None:
    """Print the closing table, how the runs ended, and where everything lies."""
    summary = read_tables(finished.results).summary
    names = cell_labels(summary)
    rows = table(console, *COLUMNS, right=frozenset(COLUMNS[1:]))
    for cell in summary.to_dict("records"):
        name = escape(names[cell["cell_id"]])
        if cell["status"] == "ok":
            rows.add_row(name, _accuracy(cell), _speed(cell), _step(cell))
        else:
            rows.add_row(f"[dim]{name}[/]", f"[dim]{cell['status']}[/]", "", "")
    console.print(rows)
    statuses = ", ".join(f"{n} {status}" for status, n in sorted(finished.statuses.items()))
    console.print(f"{counted(runs, 'run')} in {duration(elapsed_s)}; {statuses}")
    console.print(f"tables: {escape(str(finished.results))}")
    if finished.report is not None:
        console.print(f"report: {escape(str(finished.report))}")


def _accuracy(cell: dict[Any, Any]) -> str:
    if is_blank(cell["accuracy_mean"]):
        return ""
    text = f"{100 * cell['accuracy_mean']:.2f}%"
    if is_blank(cell["accuracy_low"]):
        return f"{text} (1 seed)" if cell["seeds"] == 1 else text
    half = 100 * (cell["accuracy_high"] - cell["accuracy_low"]) / 2
    return f"{text} ± {half:.2f}"


def _speed(cell: dict[Any, Any]) -> str:
    measure = "images_per_s" if is_blank(cell["step_images_per_s_median"]) else "step_images_per_s"
    return _estimate(cell, measure, 1.0, ",.0f")


def _step(cell: dict[Any, Any]) -> str:
    text = _estimate(cell, "step", 1e3, ".3g")
    return f"{text} ms" if text else ""


def _estimate(cell: dict[Any, Any], measure: str, scale: float, form: str) -> str:
    median, low, high = (cell[f"{measure}_{part}"] for part in ("median", "low", "high"))
    if is_blank(median):
        return ""
    text = f"{scale * median:{form}}"
    if is_blank(low):
        return f"{text} (n={cell[f'{measure}_n']})"
    return f"{text} ({scale * low:{form}}–{scale * high:{form}})"
