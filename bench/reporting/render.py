"""From a results folder to a page: read, draw, find the words, save."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jinja2
from PIL import Image

from bench.analysis.results import read_results
from bench.errors import StoreError
from bench.reporting.figure_style import compressed, pixels, svg_bytes
from bench.reporting.figures import FIGURES
from bench.reporting.figures.figure import Chart
from bench.reporting.fonts import fonts_for
from bench.reporting.markdown_text import code, commands, escape, plain_verdicts
from bench.reporting.page import Page, compose
from bench.reporting.study_context import read_context
from bench.store import write_atomic

_TEMPLATES = Path(__file__).parent / "templates"


def render(results_dir: Path, report_dir: Path, *, html: bool = False) -> Path:
    """Write report.md and its figures (PNG and SVG) from the tables alone; returns the page's path.

    With `html` the same as one file that needs no other, report.html, whose path is returned
    then; one that is there already is made anew in any case, since it would tell of other numbers.
    What an earlier rendering left and this one does not make is removed. The same tables give the
    same bytes. Raises StoreError for a folder that cannot be read or written.
    """
    tables = read_results(results_dir)
    if tables.summary.empty:
        raise StoreError(
            "trials.csv has no rows: no run has ended yet",
            where=str(results_dir),
            hint="`bench run` goes on where its study was interrupted.",
        )
    context = read_context(results_dir)
    names = tables.summary.select_dtypes(include=["object", "string"])
    with fonts_for(str(text) for column in names for text in names[column].unique()):
        charts = [chart for draw in FIGURES.values() for chart in draw(tables)]
        page = compose(tables, context, charts, results_dir=results_dir, report_dir=report_dir)
        pictures = _save_figures(charts, report_dir / "figures")
    markdown = _markdown(page)
    write_atomic(report_dir / "report.md", plain_verdicts(markdown))
    one_file = report_dir / "report.html"
    if html or one_file.is_file():
        from bench.reporting.html_page import html_page  # which brings a browser's library with it
        from bench.reporting.vega_charts import interactive

        write_atomic(one_file, html_page(page.title, markdown, pictures, interactive(tables)))
    return one_file if html else report_dir / "report.md"


def _markdown(page: Page) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"md": escape, "code": code, "commands": commands}
    return environment.get_template("report.md.j2").render(page=page)


def _save_figures(charts: Sequence[Chart], folder: Path) -> dict[str, Image.Image]:
    """Save every figure as PNG and SVG; gives the pictures by the name that a page gives them."""
    pictures, compressing, made = {}, {}, {}
    with ThreadPoolExecutor() as beside:
        for chart in charts:
            picture = pixels(chart.figure)
            pictures[f"figures/{chart.stem}.png"] = picture
            compressing[f"{chart.stem}.png"] = beside.submit(compressed, picture)
            made[f"{chart.stem}.svg"] = svg_bytes(chart.figure)
    made |= {name: done.result() for name, done in compressing.items()}
    for name, content in made.items():
        write_atomic(folder / name, content)
    for path in (*folder.glob("*.png"), *folder.glob("*.svg")):
        if path.name not in made:
            path.unlink()
    return pictures
