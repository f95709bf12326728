"""The report as one file: the words of report.md, its tables to sort, its charts to ask."""

import base64
import io
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup
from PIL import Image

from bench.reporting.colours import ON_DARK, css_variables
from bench.reporting.vega_charts import VEGA_LITE, Spec

_TEMPLATES = Path(__file__).parent / "templates"
ALERT = "[!WARNING]\n"  # which only repository pages know
COLOURS = 256  # of an embedded picture: charts have few more, and weigh a fraction
PICTURE_PX = 1080

_BUNDLE = """
import sys
import vl_convert
code = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=sys.argv[1])
sys.stdout.buffer.write(code.encode("utf-8"))
"""


@dataclass(frozen=True)
class Section:
    """A heading of the page, for its table of contents."""

    anchor: str
    title: str


def html_page(
    title: str,
    markdown: str,
    pictures: Mapping[str, Image.Image],
    charts: Mapping[str, Sequence[Spec]],
) -> str:
    """Write a page that needs nothing but itself.

    `markdown` is the report's own text, `pictures` the figures by the name it gives them
    (`figures/x.png`), `charts` what stands for a picture, by the picture's stem.
    """
    with ThreadPoolExecutor() as beside:  # both leave this process alone for most of their time
        code = beside.submit(_library) if charts else None
        content = {name: beside.submit(_embedded, each) for name, each in pictures.items()}
        parser = MarkdownIt("commonmark", {"html": True}).enable("table")
        tokens = parser.parse(markdown.replace(ALERT, ""))
        sections = _prepare(tokens, {k: done.result() for k, done in content.items()}, charts)
        body = RendererHTML().render(tokens, parser.options, {})
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
    )
    return environment.get_template("report.html.j2").render(
        title=title,
        sections=sections,
        body=Markup(body),
        charts=Markup(json.dumps(charts, ensure_ascii=False).replace("<", "\\u003c")),
        library=_as_script(code.result() if code else ""),
        colours=Markup(css_variables()),
        dark=Markup(json.dumps(dict(ON_DARK))),
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=_as_script((_TEMPLATES / "report.js").read_text(encoding="utf-8")),
    )


def _prepare(
    tokens: Sequence[Token], pictures: Mapping[str, str], charts: Mapping[str, Any]
) -> list[Section]:
    """Give headings their anchors, tables their names, and pictures their content, a data URI."""
    sections = [Section("top", "")]
    for i, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            title = tokens[i + 1].content
            sections.append(Section(f"section-{len(sections)}", title))
            token.attrSet("id", sections[-1].anchor)
        elif token.type == "table_open":
            token.attrSet("aria-label", sections[-1].title or "Table")
        for child in token.children or ():
            if child.type == "image":
                name = str(child.attrGet("src"))
                child.attrSet("src", pictures[name])
                child.attrSet("class", "figure")
                if Path(name).stem in charts:
                    child.attrSet("data-chart", Path(name).stem)
    return sections[1:]


def _embedded(picture: Image.Image) -> str:
    """Give a picture as a data URI, small enough for a page of many."""
    image = picture.convert("RGB")
    if image.width > PICTURE_PX:
        height = round(image.height * PICTURE_PX / image.width)
        image = image.resize((PICTURE_PX, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # The octree's worst colour is nearer than the median cut's; it is quicker and half as large.
    few = image.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


@cache
def _library() -> str:
    """Give Vega, Vega-Lite and their embedding as one script.

    Made in a process of its own: it takes a second, in which this one can do other things.
    """
    make = [sys.executable, "-P", "-c", _BUNDLE, VEGA_LITE]
    return subprocess.run(make, check=True, stdout=subprocess.PIPE).stdout.decode("utf-8")


def _as_script(code: str) -> Markup:
    """Let no text end the script element that holds it."""
    return Markup(re.sub(r"</(script)", r"<\\/\1", code, flags=re.IGNORECASE))
