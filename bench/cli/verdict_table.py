"""Verdicts as a table for people, and as a list for scripts."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from bench.analysis.comparison_rows import ACCURACY
from bench.analysis.folder_comparison import Compared
from bench.cell_names import field_name, format_value, is_blank
from bench.cli.terminal import table
from bench.formatting import format_ratio, plural

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
NAMES: Mapping[str, str] = {ACCURACY: "accuracy"}
COLUMNS = ("cell", "measure", "B / A", "verdict", "detects", "n", "floor", "to decide")
WIDE = 110  # on fewer columns of a terminal the last one is left out
INTERLEAVE = (
    "To decide more, measure both in one study (a value each on an axis): its blocks are "
    "interleaved, and the drift between two sessions is gone."
)


def as_records(compared: Compared) -> list[dict[str, Any]]:
    """Give one object a row, blanks as null."""
    return [
        {str(name): None if is_blank(value) else _plain(value) for name, value in row.items()}
        for row in compared.rows.to_dict("records")
    ]


def print_verdicts(console: Console, compared: Compared) -> None:
    """Print what differs, the table of verdicts, and what stands behind it."""
    for difference in compared.differences:
        console.print(f"[bold magenta]not comparable[/] – {escape(difference)}")
    for warning in compared.warnings:
        console.print(f"[yellow]{escape(warning)}[/]")
    for change in _changes(compared):
        console.print(f"changed: {escape(change)}")
    shown = COLUMNS if console.width >= WIDE else COLUMNS[:-1]
    rows = table(console, *shown, right={*COLUMNS[2:7]})
    for row in compared.rows.to_dict("records"):
        texts = (
            escape(compared.labels[row["cell_id"]]),
            NAMES.get(row["measure"], row["measure"]),
            format_ratio(row["ratio"], row["low"], row["high"]),
            f"[{COLOURS[row['verdict']]}]{row['verdict']}[/]",
            "–" if is_blank(row["mde"]) else f"{row['mde']:.1%}",
            str(row["n"]),
            f"{row['floor']:.1%}",
            _to_decide(row),
        )
        rows.add_row(*texts[: len(shown)])
    console.print(rows)
    console.print(_legend(compared))
    for side, names in (("A", compared.only_before), ("B", compared.only_after)):
        if names:
            console.print(f"only in {side}: {escape('; '.join(names))}")


def _changes(compared: Compared) -> list[str]:
    """Name each change between matched cells once: "lr 0.001 → 0.01"."""
    said = [
        f"{field_name(name)} {format_value(a)} → {format_value(b)}"
        for match in compared.matched
        for name, (a, b) in match.changed.items()
    ]
    return list(dict.fromkeys(said))


def _to_decide(row: Mapping[Any, Any]) -> str:
    """Say what it takes to decide what is not decided."""
    if row["verdict"] != "INCONCLUSIVE":
        return ""
    if row["measure"] != ACCURACY:
        return "measure both in one study"
    return "" if is_blank(row["further"]) else plural(row["further"], "more seed")


def _legend(compared: Compared) -> str:
    said = [
        "[dim]B / A: above 1 a time is longer, an accuracy higher; 95% interval.",
        "floor: what no change at all may look like between the two sessions.",
        "detects: the least change that is found four times in five. n: timing blocks or seeds.[/]",
    ]
    if (compared.rows["verdict"] == "INCONCLUSIVE").any():
        said.append(INTERLEAVE)
    return "\n".join(said)


def _plain(value: Any) -> Any:
    """Turn a number of NumPy's into Python's own."""
    return value.item() if hasattr(value, "item") else value
