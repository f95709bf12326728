"""Names beside points, each where it covers least."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from bench.reporting.figure_style import OTHERS, wrapped
from bench.stats.estimates import Floats

# Where a name may stand around its point: points to the right, points up, alignment. The far
# ones have a line to their point, and are for the names that must stand somewhere.
_NEAR = (
    (9, 0, "left", "center"),
    (-9, 0, "right", "center"),
    (0, 9, "center", "bottom"),
    (0, -9, "center", "top"),
    (7, 7, "left", "bottom"),
    (7, -7, "left", "top"),
    (-7, 7, "right", "bottom"),
    (-7, -7, "right", "top"),
)
_FAR = (
    (26, 20, "left", "bottom"),
    (26, -20, "left", "top"),
    (-26, 20, "right", "bottom"),
    (-26, -20, "right", "top"),
)

COVERED = 0.1  # of a name: what covers more of the drawing has no room
AFAR = 0.05  # the least gain in cover for which a name moves away from its point
OUTSIDE = 20.0  # times worse than covering: outside the frame stands other text


def name_points(
    axes: Axes,
    points: Floats,
    bars: Sequence[Floats],
    names: Mapping[int, tuple[str, str]],
    *,
    asked: Collection[int],
    line: Floats,
) -> None:
    """Name some of n points (n, 2) in turn: the `asked` ones always, others where there is room.

    `bars` are those across and those up, (2, n) each. They, the points and `line` (m, 2) are not
    covered where that can be. `names` hold a text and its colour by the point's place. The layout
    must stand: draw without rendering first.
    """
    corners = axes.transData.transform(line)
    inked = _points_and_bars(axes, points, bars)
    inked += [Bbox([a, b]).padded(2) for a, b in pairwise(corners)]
    frame, written = axes.get_window_extent(), list[Bbox]()
    ink = _edges(inked)
    for i, (name, colour) in names.items():
        places = (*_NEAR, *_FAR) if i in asked else _NEAR
        tried = [_annotated(axes, name, points[i], place, colour) for place in places]
        boxes = [_box(annotation) for annotation in tried]
        costs = [
            (_covered(box, ink) + OUTSIDE * (_covered(box, _edges(written)) + _outside(box, frame)))
            / (box.width * box.height)
            + (AFAR if place in _FAR else 0)
            for box, place in zip(boxes, places, strict=True)
        ]
        best = int(np.argmin(costs))
        kept = i in asked or costs[best] <= COVERED
        if kept:
            written.append(boxes[best])
        for annotation in (a for place, a in enumerate(tried) if place != best or not kept):
            annotation.remove()


def _points_and_bars(axes: Axes, points: Floats, bars: Sequence[Floats]) -> list[Bbox]:
    """Tell where the page is already inked, in pixels."""
    inked = []
    for i, (below, above) in enumerate(bars):
        first, last = points.copy(), points.copy()
        first[:, i] -= below
        last[:, i] += above
        ends = np.hstack([axes.transData.transform(end) for end in (first, last)])
        inked += [Bbox.from_extents(x0 - 7, y0 - 7, x1 + 7, y1 + 7) for x0, y0, x1, y1 in ends]
    return inked


def _annotated(
    axes: Axes, name: str, point: Floats, place: tuple[int, int, str, str], colour: str
) -> Annotation:
    right, up, ha, va = place
    annotation = axes.annotate(
        wrapped(name), (point[0], point[1]), (right, up), textcoords="offset points",
        ha=ha, va=va, fontsize=9.5, color=colour, zorder=5,
        arrowprops={"arrowstyle": "-", "color": OTHERS, "lw": 0.8} if place in _FAR else None,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
    )  # fmt: skip
    annotation.set_in_layout(False)  # a name must not move the axes that it was placed in
    return annotation


def _box(annotation: Annotation) -> Bbox:
    """Tell where the words stand, without the line to their point."""
    annotation.get_window_extent()  # puts them there
    return Text.get_window_extent(annotation)


def _edges(boxes: Sequence[Bbox]) -> Floats:
    """Give left, bottom, right and top of n boxes, (n, 4)."""
    return np.array([box.extents for box in boxes], dtype=float).reshape(-1, 4)


def _covered(box: Bbox, others: Floats) -> float:
    """Sum what others, (n, 4), share of a box."""
    low = np.maximum(box.extents[:2], others[:, :2])
    high = np.minimum(box.extents[2:], others[:, 2:])
    return float(np.clip(high - low, 0, None).prod(axis=1).sum())


def _outside(box: Bbox, frame: Bbox) -> float:
    return float(box.width * box.height) - _covered(box, _edges([frame]))
