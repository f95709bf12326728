"""How every figure styles: size, fonts, colours, header. One file, so that all look alike."""

import io
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import bench.reporting.matplotlib_import  # noqa: F401

# isort: split
import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from bench.reporting.fonts import families

WIDTH_IN = 9.0
DPI = 160  # a page shows a figure about 900 px wide; the rest is for sharp screens

# Hues that people with any common colour blindness tell apart, after Okabe and Ito. Left out:
# grey, which means "the others" here, and yellow and light pink, which vanish on white. The
# order keeps the two oranges and the brown apart.
_PALETTE = sns.color_palette("colorblind").as_hex()
CELL_COLOURS = (*(_PALETTE[i] for i in (0, 1, 2, 4, 9, 3)), "#333333", _PALETTE[5])
MARKERS = ("o", "s", "^", "D")
PHASE_COLOURS: Mapping[str, str] = {
    "data": "#9a9a9a",
    "forward": "#8fc1e3",
    "backward": "#2f6f9f",
    "optimizer": "#e8b04b",
}
INK = "#222222"
SOFT_INK = "#5a5a5a"
OTHERS = "#b5b5b5"

STYLE: dict[Any, Any] = {
    **sns.axes_style("whitegrid"),
    "font.size": 10.5,
    "axes.labelsize": 10.5,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.edgecolor": "#c4c4c4",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "text.parse_math": False,  # names come from users: a "$" is a "$"
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "bench",  # names within a file, which are drawn by lot without it
}


@contextmanager
def _styled() -> Iterator[None]:
    """Draw by matplotlib's defaults and this style, whatever the user's settings are."""
    with mpl.rc_context(), warnings.catch_warnings():
        # What no font has is a box in the picture, and itself in the SVG and in the page's text.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        mpl.rcParams["font.family"] = mpl.rcParams["font.sans-serif"] = families()
        yield


# Works as a decorator of a drawing function and around saving: ticks are made at both times.
styled = _styled()

_TITLE_IN, _NOTE_IN, _LEGEND_IN, _MARGIN_IN = 0.26, 0.19, 0.21, 0.1


def canvas(
    title: str,
    note: str,
    *,
    body_in: float,
    legend: Sequence[tuple[Artist, str]] = (),
) -> Figure:
    """Make an empty figure with its header: the question, how to read it, the legend.

    The header takes its own space above the `body_in` inches that axes may fill, so that
    nothing is ever drawn over data.
    """
    titles = textwrap.wrap(title, 74)
    notes = textwrap.wrap(note[:1].upper() + note[1:], 126)
    columns = _legend_columns([text for _, text in legend])
    legend_rows = -(-len(legend) // columns)
    header_in = (
        _MARGIN_IN
        + _TITLE_IN * len(titles)
        + _NOTE_IN * len(notes)
        + (_LEGEND_IN * legend_rows + 0.06 if legend else 0)
        + 0.08
    )
    height_in = body_in + header_in
    body = (0.005, 0.01, 0.985, 1 - header_in / height_in - 0.01)
    figure = Figure(
        figsize=(WIDTH_IN, height_in), dpi=DPI, layout=ConstrainedLayoutEngine(rect=body)
    )
    left, y_in = 0.1 / WIDTH_IN, height_in - _MARGIN_IN
    figure.text(left, y_in / height_in, "\n".join(titles), fontsize=13, fontweight="bold", va="top")
    y_in -= _TITLE_IN * len(titles)
    figure.text(left, y_in / height_in, "\n".join(notes), fontsize=9.5, color=SOFT_INK, va="top")
    y_in -= _NOTE_IN * len(notes)
    if legend:
        figure.legend(
            [artist for artist, _ in legend],
            [text for _, text in legend],
            loc="upper left",
            bbox_to_anchor=(left - 0.002, (y_in - 0.02) / height_in),
            ncols=columns,
            borderaxespad=0.1,
            columnspacing=1.4,
            handletextpad=0.5,
        )
    return figure


def only_grid(axes: Axes, axis: str) -> None:
    """Keep grid lines across one axis only; the other one is a list."""
    axes.grid(visible=False, axis="y" if axis == "x" else "x")


def wrapped(label: str, width: int = 44) -> str:
    """Break a long label into lines, so that it is neither cut nor squeezes its figure."""
    return "\n".join(textwrap.wrap(label, max(width, 8))) or label


def png_bytes(figure: Figure) -> bytes:
    """Draw a figure as PNG; the same figure gives the same bytes on the same software."""
    return compressed(pixels(figure))


@styled
def pixels(figure: Figure) -> Image.Image:
    """Draw a figure as a picture."""
    figure.set_dpi(DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_layout_engine("none")  # its parts lie where they should: as SVG, too
    return Image.fromarray(np.array(canvas.buffer_rgba()))


def compressed(picture: Image.Image) -> bytes:
    """Write a picture as PNG; needs the interpreter for little of its time."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", dpi=(DPI, DPI))
    return buffer.getvalue()


@styled
def svg_bytes(figure: Figure) -> bytes:
    """Draw a figure as SVG, as `pixels` does; names that have a halo are shapes, not text."""
    buffer = io.StringIO()
    undated = {"Date": None, "Creator": None}
    FigureCanvasSVG(figure).print_svg(buffer, metadata=undated)  # type: ignore[no-untyped-call]
    return buffer.getvalue().encode()


def _legend_columns(texts: Sequence[str]) -> int:
    """Tell how many columns fit side by side; matplotlib fills them from top to bottom."""
    for columns in range(len(texts), 1, -1):
        split = np.array_split(np.array([len(text) for text in texts]), columns)
        if sum(0.55 + 0.072 * part.max() for part in split) < WIDTH_IN - 0.2:
            return columns
    return 1
