"""`bench report`."""

from pathlib import Path

from bench.cli.options import Reports, Results


def report(
    results: Results,
    reports: Reports = Path("reports"),
) -> None:
    """Render the report of a results folder from its CSVs alone; nothing is trained again.

    Example: bench report results/baseline
    """
    from bench.cli.terminal import console
    from bench.report.render import render

    written = render(results, reports / results.resolve().name)
    console().print(str(written), markup=False)
