"""`bench doctor`: whether this machine can measure well."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import DataDir, Out, data_folder

COLOURS = {"good": "green", "mind": "yellow", "hint": "bold red"}


def doctor(
    data_dir: DataDir = None,
    out: Out = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False,
) -> None:
    """CellStyle whether this machine can measure well, and say what mends what does not.

    Changes nothing. Exit code 0; 1 where something does not work.

    Example: bench doctor
    """
    from rich.markup import escape

    from bench.cli.terminal import console
    from bench.doctor import Place, examine

    target, findings = console(), []
    for finding in examine(Place(data_folder(data_dir), out)):
        findings.append(finding)
        if as_json:
            continue
        colour = COLOURS[finding.grade]
        target.print(f"[{colour}]{finding.grade}[/]  {finding.about}: {escape(finding.seen)}")
        for word, text in (("effect", finding.effect), ("hint", finding.hint)):
            if text:
                target.print(f"      [dim]{word}:[/] {escape(text)}")
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    if any(finding.grade == "hint" for finding in findings):
        raise typer.Exit(1)
