"""`bench compare`: two results folders, a verdict per cell."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.completion import complete_results

REGRESSED, INCONCLUSIVE, INCOMPARABLE = 1, 3, 4


def compare(
    before: Annotated[
        Path,
        typer.Argument(
            metavar="DIR_A", help="Before.", show_default=False, autocompletion=complete_results
        ),
    ],
    after: Annotated[
        Path,
        typer.Argument(
            metavar="DIR_B", help="After.", show_default=False, autocompletion=complete_results
        ),
    ],
    every_measure: Annotated[
        bool,
        typer.Option("--all", help="Every phase; otherwise the training step and the accuracy."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False,
) -> None:
    """Compare two results folders: a verdict for every cell that both have.

    Exit code 0: nothing regressed; 1: something did; 3: not decided;
    4: other machine or software.

    Example: bench compare results/before results/after
    """
    from bench.analysis.folder_comparison import compare_folders
    from bench.cli.terminal import console
    from bench.cli.verdict_table import as_records, print_verdicts

    compared = compare_folders(before, after, every_measure=every_measure)
    if as_json:
        typer.echo(json.dumps(as_records(compared), indent=1))
    else:
        print_verdicts(console(), compared)
    if compared.differences:
        raise typer.Exit(INCOMPARABLE)
    verdicts = set(compared.rows["verdict"])
    if "REGRESSED" in verdicts:
        raise typer.Exit(REGRESSED)
    if "INCONCLUSIVE" in verdicts:
        raise typer.Exit(INCONCLUSIVE)
