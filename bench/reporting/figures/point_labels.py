"""Labels next to points, each at the position where it covers least."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from bench.reporting.colours import OTHER_CELLS
from bench.reporting.figure_style import wrapped
from bench.stats.estimates import Floats

# Offsets of a label from its point in points to the right and up. Labels at distant positions
# have a line to their point; only required labels use these.
_ADJACENT = ((9, 0), (-9, 0), (0, 9), (0, -9), (7, 7), (7, -7), (-7, 7), (-7, -7))
_DISTANT = ((26, 20), (26, -20), (-26, 20), (-26, -20))

COVERED = 0.1  # of a label's area: one that covers more is omitted unless it is required
DISTANT = 0.05  # the cost of a distant position, in the same unit
LINE_PT, BAR_PT = 0.9, 3.15  # what labels keep away from lines and bars, at any resolution
OUTSIDE = 20.0  # times the cost of covering data, for covering labels or leaving the frame


def label_points(
    axes: Axes,
    points: Floats,
    bars: Sequence[Floats],
    labels: Mapping[int, tuple[str, str]],
    *,
    required: Collection[int],
    line: Floats,
) -> None:
    """Label some of n points (n, 2) in turn: the required ones, and others where space is free.

    `bars` are the horizontal and the vertical ones, (2, n) each. Labels avoid them, the points
    and `line` (m, 2). `labels` are texts and colours by the point's index. The layout must be
    final: draw without rendering first.
    """
    corners = axes.transData.transform(line)
    margin = LINE_PT * axes.figure.dpi / 72
    boxes = [Bbox([a, b]).padded(margin) for a, b in pairwise(corners)]
    drawn = np.vstack([_bar_extents(axes, points, bars), _extents(boxes)])
    frame, placed = _extents([axes.get_window_extent()]), np.empty((0, 4))
    for i, (text, colour) in labels.items():
        offsets = (*_ADJACENT, *_DISTANT) if i in required else _ADJACENT
        tried = [_annotate(axes, text, points[i], offset, colour) for offset in offsets]
        costs = []
        for annotation, offset in zip(tried, offsets, strict=True):
            annotation.get_window_extent()  # updates the position
            box = Text.get_window_extent(annotation)  # of the text without the line to its point
            area = float(box.width * box.height)
            outside = area - _covered(box, frame)
            covered = _covered(box, drawn) + OUTSIDE * (_covered(box, placed) + outside)
            costs.append(covered / area + (DISTANT if offset in _DISTANT else 0))
        best = tried.pop(int(np.argmin(costs)))
        if i in required or min(costs) <= COVERED:
            placed = np.vstack([placed, _extents([Text.get_window_extent(best)])])
        else:
            tried.append(best)
        for annotation in tried:
            annotation.remove()


def _bar_extents(axes: Axes, points: Floats, bars: Sequence[Floats]) -> Floats:
    """Return left, bottom, right and top of points and bars in pixels, (2n, 4)."""
    extents, margin = [], BAR_PT * axes.figure.dpi / 72
    for i, (below, above) in enumerate(bars):
        first, last = points.copy(), points.copy()
        first[:, i] -= below
        last[:, i] += above
        ends = np.hstack([axes.transData.transform(end) for end in (first, last)])
        extents.append(ends + margin * np.array([-1, -1, 1, 1]))
    return np.vstack(extents)


def _annotate(
    axes: Axes, text: str, point: Floats, offset: tuple[int, int], colour: str
) -> Annotation:
    right, up = offset
    annotation = axes.annotate(
        wrapped(text), (point[0], point[1]), offset, textcoords="offset points",
        ha="left" if right > 0 else "right" if right else "center",
        va="bottom" if up > 0 else "top" if up else "center",
        fontsize=9.5, color=colour, zorder=5,
        arrowprops={"arrowstyle": "-", "color": OTHER_CELLS, "lw": 0.8}
        if offset in _DISTANT else None,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
    )  # fmt: skip
    annotation.set_in_layout(False)  # a label must not move the axes it was placed in
    return annotation


def _extents(boxes: Sequence[Bbox]) -> Floats:
    return np.array([box.extents for box in boxes], dtype=float).reshape(-1, 4)


def _covered(box: Bbox, others: Floats) -> float:
    """Return the area that a box shares with others, (n, 4)."""
    low = np.maximum(box.extents[:2], others[:, :2])
    high = np.minimum(box.extents[2:], others[:, 2:])
    return float(np.clip(high - low, 0, None).prod(axis=1).sum())
