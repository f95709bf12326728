"""`bench report`."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Reports


def report(
    results: Annotated[
        Path, typer.Argument(metavar="DIR", help="A results folder.", show_default=False)
    ],
    reports: Reports = Path("reports"),
) -> None:
    """Render the report of a results folder from its CSVs alone; nothing is trained again.

    Example: bench report results/baseline
    """
    from bench.cli.terminal import console
    from bench.report.render import render

    written = render(results, reports / results.resolve().name)
    console().print(str(written), markup=False)
