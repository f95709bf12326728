"""The style of every figure: size, fonts, header; and its output as PNG and SVG.

The font ships with matplotlib; others are added for characters that it lacks.
"""

import io
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import bench.reporting.matplotlib_import  # noqa: F401

# isort: split
import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from bench.reporting.colours import EDGE, GRID, INK, SOFT_INK

WIDTH_IN = 9.0
DPI = 160  # a page shows a figure about 900 px wide; the rest is for high-density screens
Legend = list[tuple[Artist, str]]
FONT = "DejaVu Sans"  # ships with matplotlib: the same picture on every machine
PLACEHOLDERS = "Last Resort"  # fonts that have a box for every character
# Fonts with many characters, those that go best with DejaVu Sans first.
PREFERRED = ("Noto Sans", "Source Han Sans", "WenQuanYi", "Droid Sans Fallback", "Unifont")

families: ContextVar[tuple[str, ...]] = ContextVar("families", default=(FONT,))

STYLE: dict[Any, Any] = {
    **sns.axes_style("whitegrid"),
    **dict.fromkeys(("font.size", "axes.labelsize", "axes.titlesize"), 10.5),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 9.5),
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "axes.titlelocation": "left",
    "axes.edgecolor": EDGE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.parse_math": False,  # names come from users: a "$" is a "$"
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "bench",  # ids within an SVG are random without it
}


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure that is saved as `<stem>.png`, its alternative text and its caption."""

    stem: str
    figure: Figure
    alt: str
    caption: str


@contextmanager
def fonts_for(texts: Iterable[str]) -> Iterator[None]:
    """Add installed fonts that have the characters of these texts to `families`."""
    token = families.set((FONT, *fallbacks(set().union(*texts))))
    try:
        yield
    finally:
        families.reset(token)


def fallbacks(characters: Iterable[str]) -> list[str]:
    """Return installed families that together cover the characters missing in FONT."""
    missing = {ord(c) for c in characters if c.isprintable()}
    missing -= _code_points(font_manager.findfont(FONT))
    upright = {
        font.name: font.fname
        for font in reversed(font_manager.fontManager.ttflist)
        if font.style == "normal" and not font.name.startswith((PLACEHOLDERS, FONT))
    }

    def preference(name: str) -> tuple[int, str]:
        ranks = (i for i, start in enumerate(PREFERRED) if name.startswith(start))
        return next(ranks, len(PREFERRED)), name

    found = []
    for name in sorted(upright, key=preference):
        if missing and (covered := missing & _code_points(upright[name])):
            found.append(name)
            missing -= covered
    return found


def _code_points(path: str) -> set[int]:
    try:
        return set(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # deleted, or a format that FreeType can't read
        return set()


@contextmanager
def _styled() -> Iterator[None]:
    """Draw with matplotlib's defaults and this style, whatever the user's settings are."""
    with mpl.rc_context(), warnings.catch_warnings():
        # A glyph that no font has is a box in the PNG and correct text in the SVG and the page.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        mpl.rcParams["font.family"] = mpl.rcParams["font.sans-serif"] = list(families.get())
        yield


# A decorator of drawing functions and of functions that save: ticks are made at both times.
styled = _styled()

_TITLE_IN, _NOTE_IN, _LEGEND_IN, _MARGIN_IN = 0.26, 0.19, 0.21, 0.1


def canvas(title: str, note: str, *, body_in: float, legend: Legend | None = None) -> Figure:
    """Return an empty figure with a header: title, how to read it, legend.

    The header is placed above the `body_in` inches for axes, so that it never covers data.
    """
    titles = textwrap.wrap(title, 74)
    notes = textwrap.wrap(note[:1].upper() + note[1:], 126)
    handles, labels = zip(*legend, strict=True) if legend else ((), ())
    columns = _legend_columns(labels)
    titles_in, notes_in = _TITLE_IN * len(titles), _NOTE_IN * len(notes)
    legend_in = _LEGEND_IN * -(-len(labels) // columns) + 0.06 if labels else 0
    header_in = _MARGIN_IN + titles_in + notes_in + legend_in + 0.08
    height_in = body_in + header_in
    body = (0.005, 0.01, 0.985, 1 - header_in / height_in - 0.01)
    layout = ConstrainedLayoutEngine(rect=body)
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI, layout=layout)
    left, top = 0.1 / WIDTH_IN, 1 - _MARGIN_IN / height_in
    figure.text(left, top, "\n".join(titles), fontsize=13, fontweight="bold", va="top")
    top -= titles_in / height_in
    figure.text(left, top, "\n".join(notes), fontsize=9.5, color=SOFT_INK, va="top")
    top -= (notes_in + 0.02) / height_in
    if labels:
        figure.legend(
            handles, labels, loc="upper left", bbox_to_anchor=(left - 0.002, top), ncols=columns,
            borderaxespad=0.1, columnspacing=1.4, handletextpad=0.5,
        )  # fmt: skip
    return figure


def _legend_columns(texts: Sequence[str]) -> int:
    """Return how many columns fit side by side; matplotlib fills them from top to bottom."""
    for columns in range(len(texts), 1, -1):
        split = np.array_split(np.array([len(text) for text in texts]), columns)
        if sum(0.55 + 0.072 * part.max() for part in split) < WIDTH_IN - 0.2:
            return columns
    return 1


def wrapped(label: str, width: int = 44) -> str:
    """Return a label broken into lines of at most `width` characters."""
    return "\n".join(textwrap.wrap(label, max(width, 8))) or label


def file_name(field: str) -> str:
    """Return a field's name with only letters, digits and underscores."""
    return "".join(letter if letter.isalnum() else "_" for letter in field)


def png_bytes(figure: Figure) -> bytes:
    """Return a figure as PNG, with the same bytes for equal figures on the same software."""
    return compressed(pixels(figure))


@styled
def pixels(figure: Figure) -> Image.Image:
    """Return a figure as an image."""
    figure.set_dpi(DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_layout_engine("none")  # keeps the layout for the SVG
    return Image.fromarray(np.array(canvas.buffer_rgba()))


def compressed(picture: Image.Image) -> bytes:
    """Return an image as PNG; releases the interpreter lock for most of its time."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", dpi=(DPI, DPI))
    return buffer.getvalue()


@styled
def svg_bytes(figure: Figure) -> bytes:
    """Return a figure as SVG in the layout of `pixels`; labels with an outline become paths."""
    buffer = io.StringIO()
    undated = {"Date": None, "Creator": None}
    FigureCanvasSVG(figure).print_svg(buffer, metadata=undated)  # type: ignore[no-untyped-call]
    return buffer.getvalue().encode()
