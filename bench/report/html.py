"""The report as one file: the words of report.md, its tables to sort, its charts to ask."""

import base64
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import vl_convert
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup
from PIL import Image

from bench.report.interactive import VEGA_LITE, Spec

_TEMPLATES = Path(__file__).parent / "templates"
ALERT = "[!WARNING]\n"  # which only repository pages know
COLOURS = 256  # of an embedded picture: charts have few more, and weigh a fraction
PICTURE_PX = 1080


@dataclass(frozen=True)
class Section:
    """A heading of the page, for its table of contents."""

    anchor: str
    title: str


def html_page(
    title: str,
    markdown: str,
    pictures: Mapping[str, bytes],
    charts: Mapping[str, Sequence[Spec]],
) -> str:
    """Write a page that needs nothing but itself.

    `markdown` is the report's own text, `pictures` the PNG files by the name it gives them
    (`figures/x.png`), `charts` what stands for a picture, by the picture's stem.
    """
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(markdown.replace(ALERT, ""))
    sections = _prepare(tokens, pictures, charts)
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
        library=_as_script(_library() if charts else ""),
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=_as_script((_TEMPLATES / "report.js").read_text(encoding="utf-8")),
    )


def _prepare(
    tokens: Sequence[Token], pictures: Mapping[str, bytes], charts: Mapping[str, Any]
) -> list[Section]:
    """Give headings their anchors, tables their names, and pictures their content."""
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
                child.attrSet("src", _embedded(pictures[name]))
                child.attrSet("class", "figure")
                if Path(name).stem in charts:
                    child.attrSet("data-chart", Path(name).stem)
    return sections[1:]


def _embedded(png: bytes) -> str:
    """Give a picture as a data URI, small enough for a page of many."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
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
    """Give Vega, Vega-Lite and their embedding as one script."""
    code: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    return code


def _as_script(code: str) -> Markup:
    """Let no text end the script element that holds it."""
    return Markup(re.sub(r"</(script)", r"<\\/\1", code, flags=re.IGNORECASE))
