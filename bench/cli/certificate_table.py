"""The certificates of `bench certify`, as a table and as JSON objects."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from bench.analysis.certificates import Certificate, CertificateVerdict
from bench.cli.terminal import table
from bench.formatting import plural
from bench.reporting.metric_texts import Target

WORDS: Mapping[CertificateVerdict, str] = {
    "CERTIFIED": "[bold green]certified[/]",
    "BELOW": "[bold red]below[/]",
    "INCONCLUSIVE": "[yellow]inconclusive[/]",
}
LEGEND = """\
[dim]bounds: one-sided 95%, Student's t, of the mean {what} over seeds.
certified: the lower bound is at {level} or above; below: the upper bound is below it.[/]"""


def certificate_records(
    certified: Sequence[Certificate], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return an object per cell, with its name, and blanks as null."""
    return [{"cell": names[each.cell_id], **asdict(each)} for each in certified]


def print_certificates(
    console: Console, certified: Sequence[Certificate], names: Mapping[str, str], target: Target
) -> None:
    """Print a row per cell, and how to read it."""
    columns = ("cell", "seeds", "mean", "lower bound", "upper bound", f"at {target}")
    rows = table(console, *columns, right={*columns[1:5]})
    for each in certified:
        seeds = str(each.seeds) if each.ended == each.seeds else f"{each.ended} of {each.seeds}"
        numbers = ("" if x is None else target.text(x) for x in (each.mean, each.low, each.high))
        rows.add_row(escape(names[each.cell_id]), seeds, *numbers, WORDS[each.verdict])
    console.print(rows)
    console.print(LEGEND.format(level=target.level, what=escape(target.what)))
    if failed := sum(each.ended < each.seeds for each in certified):
        console.print(f"not certifiable because trials failed: {plural(failed, 'cell')}")
