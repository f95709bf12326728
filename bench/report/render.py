"""From a results folder to a page: read, draw, find the words, save."""

from collections.abc import Sequence
from pathlib import Path

import jinja2

from bench.analysis.load import read_tables
from bench.errors import StoreError
from bench.report.context import read_context
from bench.report.figures import FIGURES
from bench.report.figures.chart import Chart
from bench.report.page import Page, compose
from bench.report.style import png_bytes
from bench.report.text import escape
from bench.store import write_whole

_TEMPLATES = Path(__file__).parent / "templates"


def render(results_dir: Path, report_dir: Path) -> Path:
    """Write report.md and figures/*.png from the tables alone; returns the page's path.

    Figures that an earlier rendering left and this one does not make are removed. The same
    tables give the same bytes. Raises StoreError for a folder that cannot be read or written.
    """
    tables = read_tables(results_dir)
    if tables.summary.empty:
        raise StoreError("trials.csv has no rows: no run has ended yet", where=str(results_dir))
    context = read_context(results_dir)
    charts = [chart for draw in FIGURES.values() for chart in draw(tables)]
    page = compose(tables, context, charts, results_dir=results_dir, report_dir=report_dir)
    _save_figures(charts, report_dir / "figures")
    write_whole(report_dir / "report.md", _markdown(page))
    return report_dir / "report.md"


def _markdown(page: Page) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["md"] = escape
    return environment.get_template("report.md.j2").render(page=page)


def _save_figures(charts: Sequence[Chart], folder: Path) -> None:
    for chart in charts:
        write_whole(folder / f"{chart.stem}.png", png_bytes(chart.figure))
    made = {f"{chart.stem}.png" for chart in charts}
    for path in folder.glob("*.png"):
        if path.name not in made:
            path.unlink()
