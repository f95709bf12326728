"""`bench report`."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Reports, Results


def report(
    results: Results,
    reports: Reports = Path("reports"),
    html: Annotated[
        bool,
        typer.Option("--html", help="Also write report.html, one file to open in a browser."),
    ] = False,
) -> None:
    """Render the report of a results folder from its CSVs alone; nothing is trained again.

    Example: bench report results/baseline --html
    """
    from bench.cli.terminal import console
    from bench.reporting.render import render

    written = render(results, reports / results.resolve().name, html=html)
    console().print(str(written), markup=False)
