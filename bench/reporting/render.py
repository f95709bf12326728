"""Render a study's results as markdown with figures, and as a self-contained page."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jinja2
from PIL import Image

from bench.analysis.results import Results, read_results
from bench.errors import StoreError
from bench.reporting.figure_style import Chart, compressed, fonts_for, pixels, svg_bytes
from bench.reporting.figures import FIGURES
from bench.reporting.markdown_text import code, commands, escape, plain_verdicts
from bench.reporting.page import Page, compose, read_context
from bench.store import write_atomic

_TEMPLATES = Path(__file__).parent / "templates"


def render(
    results_dir: Path, report_dir: Path, *, results: Results | None = None, html: bool = False
) -> Path:
    """Write report.md and its figures (PNG and SVG), and return the path of the report.

    `results` are those of the folder if they are in memory already. With `html`, or if there is a
    report.html from earlier, that page is written too. Figures of an earlier rendering that this
    one does not write are removed. The same results give the same bytes. Raises StoreError for a
    folder that cannot be read or written.
    """
    results = results or read_results(results_dir)
    if results.summary.empty:
        raise StoreError(
            "expected finished runs, found none in trials.csv",
            where=str(results_dir),
            hint="`bench run` continues an interrupted study.",
        )
    context = read_context(results_dir)
    names = results.summary.select_dtypes(include=["object", "string"])
    with fonts_for(str(text) for column in names for text in names[column].unique()):
        charts = [chart for draw in FIGURES.values() for chart in draw(results)]
        page = compose(results, context, charts, results_dir=results_dir, report_dir=report_dir)
        pictures = _save_figures(charts, report_dir / "figures")
    markdown = _markdown(page)
    write_atomic(report_dir / "report.md", plain_verdicts(markdown))
    html_path = report_dir / "report.html"
    if html or html_path.is_file():
        from bench.reporting.html_page import html_page  # imports a JavaScript engine
        from bench.reporting.vega_charts import interactive

        write_atomic(html_path, html_page(page.title, markdown, pictures, interactive(results)))
    return html_path if html else report_dir / "report.md"


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
    """Save every figure as PNG and SVG, and return the pictures by their path in the report."""
    pictures = {}
    with ThreadPoolExecutor() as pool:
        files, pngs = {}, {}
        for chart in charts:
            picture = pixels(chart.figure)
            pictures[f"figures/{chart.stem}.png"] = picture
            pngs[f"{chart.stem}.png"] = pool.submit(compressed, picture)
            files[f"{chart.stem}.svg"] = svg_bytes(chart.figure)
    files |= {name: png.result() for name, png in pngs.items()}
    for name, content in files.items():
        write_atomic(folder / name, content)
    for path in (*folder.glob("*.png"), *folder.glob("*.svg")):
        if path.name not in files:
            path.unlink()
    return pictures
