"""The verdicts of `bench compare`, as a table and as JSON objects."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from bench.analysis.comparison_table import ACCURACY
from bench.analysis.folder_comparison import FolderComparison
from bench.analysis.misclassified_images import ImageComparison
from bench.cell_names import field_name, format_value, is_blank
from bench.cli.terminal import WIDE, table
from bench.formatting import (
    ACCURACY_VERDICTS,
    TIME_VERDICTS,
    format_points,
    format_ratio,
    format_share,
    plural,
)
from bench.records import PHASES

COLOURS: Mapping[str, str] = {
    "REGRESSED": "bold red",
    "IMPROVED": "bold green",
    "EQUIVALENT": "cyan",
    "INCONCLUSIVE": "yellow",
    "INCOMPARABLE": "magenta",
    "MISSING": "bold red",
    "FAILED": "bold red",
    "NEW": "dim",
}
COLUMNS = ("cell", "measure", "B / A", "verdict", "detects", "n", "noise floor", "to decide")
LEGEND = """\
[dim]B / A: above 1, a time is longer or an accuracy higher; 95% interval.
noise floor: the largest ratio of times to expect between two sessions without any change.
detects: the smallest change detected in 80% of cases. n: timing sets or seeds.[/]"""
INTERLEAVE = (
    "To decide more, measure both in one study, as two values of an axis: its cells take turns, "
    "which removes the drift between sessions."
)


def as_records(compared: FolderComparison) -> list[dict[str, Any]]:
    """Return an object per row, with blanks as null."""
    return [
        {str(name): _json_value(value) for name, value in row.items()}
        for row in compared.rows.to_dict("records")
    ]


def _json_value(value: Any) -> Any:
    if is_blank(value):
        return None
    return value.item() if hasattr(value, "item") else value  # NumPy's numbers


def verdict_text(verdict: str, *, is_accuracy: bool) -> str:
    """Return the coloured word for a verdict."""
    words = ACCURACY_VERDICTS if is_accuracy else TIME_VERDICTS
    return f"[{COLOURS[verdict]}]{words.get(verdict, verdict.lower())}[/]"


def print_verdicts(console: Console, compared: FolderComparison) -> None:
    """Print differences and warnings, the table of verdicts, and how to read it."""
    for difference in compared.differences:
        console.print(f"[bold magenta]not comparable[/] – {escape(difference)}")
    for warning in (*compared.warnings, *compared.missing):
        console.print(f"[yellow]{escape(warning)}[/]")
    for change in _changes(compared):
        console.print(f"changed: {escape(change)}")
    columns = COLUMNS if console.width >= WIDE else COLUMNS[:-1]
    rows = table(console, *columns, right={*COLUMNS[2:7]})
    for row in compared.rows.to_dict("records"):
        is_accuracy = row["measure"] not in PHASES
        texts = (
            escape(compared.labels[row["cell_id"]]),
            "accuracy" if row["measure"] == ACCURACY else escape(row["measure"]),
            "–" if is_blank(row["ratio"]) else format_ratio(row["ratio"], row["low"], row["high"]),
            verdict_text(row["verdict"], is_accuracy=is_accuracy),
            "–" if is_blank(row["mde"]) else format_share(row["mde"]),
            str(row["n"]),
            "–" if is_accuracy else format_share(row["floor"]),
            _to_decide(row),
        )
        rows.add_row(*texts[: len(columns)])
    console.print(rows)
    console.print(LEGEND)
    for images in compared.images:
        console.print(f"{escape(compared.labels[images.cell_id])}: {_images(images)}")
    if (compared.rows["verdict"] == "INCONCLUSIVE").any():
        console.print(INTERLEAVE)
    for side, names in (("A", compared.only_before), ("B", compared.only_after)):
        if names:
            console.print(f"only in {side}: {escape('; '.join(names))}")


def _changes(compared: FolderComparison) -> list[str]:
    """Return each change between matched cells once: "lr 0.001 → 0.01"."""
    changes = (
        f"{field_name(name)} {format_value(a)} → {format_value(b)}"
        for match in compared.matched
        for name, (a, b) in match.changed.items()
    )
    return list(dict.fromkeys(changes))


def _images(images: ImageComparison) -> str:
    """Return how the test images differ: "over 10,000 test images −0.12 [−0.22, −0.02] points"."""
    d = images.difference
    assert d.low is not None and d.high is not None
    points = format_points(100 * d.value, 100 * d.low, 100 * d.high)
    counts = f"{images.only_after} only B gets wrong, {images.only_before} only A"
    return f"over {images.images:,} test images {points} points; {counts}"


def _to_decide(row: Mapping[Any, Any]) -> str:
    if row["verdict"] != "INCONCLUSIVE":
        return ""
    if row["measure"] in PHASES:
        return "measure both in one study"
    return "" if is_blank(row["further"]) else plural(row["further"], "more seed")
