"""`bench list` and `bench schema`: what a study may say; `bench --version`."""

from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.completion import complete_list
from bench.cli.lists import LISTS

if TYPE_CHECKING:
    from rich.console import Console


def list_names(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="LIST",
            help=f"One of {', '.join(LISTS)}; all of them by default.",
            show_default=False,
            autocompletion=complete_list,
        ),
    ] = None,
) -> None:
    """List what a study may name, with parameters and defaults.

    Example: bench list optimizers
    """
    from bench.cli.terminal import console
    from bench.errors import StudyError, did_you_mean

    if what is not None and what not in LISTS:
        raise StudyError(f"no list '{what}'. {did_you_mean(what, LISTS)}".strip())
    target = console()
    for i, name in enumerate([what] if what else LISTS):
        if i:
            target.print()
        print_list(target, name)


def print_list(target: "Console", name: str) -> None:
    """Print a list, its rows indented; the last column takes what width is left, and wraps."""
    from rich.markup import escape
    from rich.table import Table

    rows = Table.grid(padding=(0, 2, 0, 0))
    for row in LISTS[name]():
        rows.add_row(*map(escape, row), style="" if row[0] else "dim")
    for column in rows.columns[:-1]:
        column.no_wrap = True
    target.print(f"[bold]{name}[/]")
    target.print(rows)


def schema() -> None:
    """Print the JSON Schema of a study file, by which editors complete and check it.

    Example: bench schema > studies/schema.json
    """
    from bench.study.json_schema import schema_text

    typer.echo(schema_text(), nl=False)


def print_version(asked: bool) -> None:
    """Print the version and end, where it was asked for."""
    from bench import __version__

    if asked:
        typer.echo(f"bench {__version__}")
        raise typer.Exit()
