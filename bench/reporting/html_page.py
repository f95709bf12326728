"""report.html: the report as one self-contained page with sortable tables and live charts."""

import base64
import io
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
ALERT = "[!WARNING]\n"  # GitHub's syntax, unknown to CommonMark
PALETTE_SIZE = 256  # charts have few more colours, and take a fraction of the bytes
PICTURE_PX = 1080

_BUNDLE = """
import sys
import vl_convert
code = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=sys.argv[1])
sys.stdout.buffer.write(code.encode("utf-8"))
"""


def html_page(
    title: str,
    markdown: str,
    pictures: Mapping[str, Image.Image],
    charts: Mapping[str, Sequence[Spec]],
) -> str:
    """Return the report as one HTML file without external resources.

    `pictures` are the figures by their path in `markdown` (`figures/x.png`), `charts` what
    replaces a picture, by the picture's stem.
    """
    with ThreadPoolExecutor() as pool:  # both spend most of their time outside the interpreter
        bundle = pool.submit(_vega_bundle) if charts else None
        encoded = {name: pool.submit(_data_uri, picture) for name, picture in pictures.items()}
        parser = MarkdownIt("commonmark", {"html": True}).enable("table")
        tokens = parser.parse(markdown.replace(ALERT, ""))
        headings = _prepare(tokens, {name: uri.result() for name, uri in encoded.items()}, charts)
        body = RendererHTML().render(tokens, parser.options, {})
    loader = jinja2.FileSystemLoader(_TEMPLATES)
    environment = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, autoescape=True
    )
    return environment.get_template("report.html.j2").render(
        title=title,
        headings=headings,
        body=Markup(body),
        charts=Markup(json.dumps(charts, ensure_ascii=False).replace("<", "\\u003c")),
        dark_colours=Markup(json.dumps(dict(ON_DARK))),
        library=_script(bundle.result() if bundle else ""),
        colours=Markup(css_variables()),
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=_script((_TEMPLATES / "report.js").read_text(encoding="utf-8")),
    )


def _prepare(
    tokens: Sequence[Token], pictures: Mapping[str, str], charts: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Add anchors, labels of tables and pictures; return the headings as (anchor, title)."""
    headings = [("top", "Table")]
    for i, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            headings.append((f"section-{len(headings)}", tokens[i + 1].content))
            token.attrSet("id", headings[-1][0])
        elif token.type == "table_open":
            token.attrSet("aria-label", headings[-1][1])
        for child in token.children or ():
            if child.type == "image":
                name = str(child.attrGet("src"))
                child.attrSet("src", pictures[name])
                child.attrSet("class", "figure")
                if Path(name).stem in charts:
                    child.attrSet("data-chart", Path(name).stem)
    return headings[1:]


def _data_uri(picture: Image.Image) -> str:
    """Return a picture as a data URI, small enough for a page with many."""
    image = picture.convert("RGB")
    if image.width > PICTURE_PX:
        height = round(image.height * PICTURE_PX / image.width)
        image = image.resize((PICTURE_PX, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # The octree has a smaller worst-case error than the median cut, is faster, and half as large.
    reduced = image.quantize(PALETTE_SIZE, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    reduced.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


@cache
def _vega_bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script.

    A separate process makes it, which takes a second in which this one does other work.
    """
    command = [sys.executable, "-P", "-c", _BUNDLE, VEGA_LITE]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode("utf-8")


def _script(code: str) -> Markup:
    """Escape what would end the script element that holds the code."""
    return Markup(re.sub(r"</(script)", r"<\\/\1", code, flags=re.IGNORECASE))
