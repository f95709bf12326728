"""What a drawing function gives: a figure, and the words that go with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from bench.analysis.results import Results


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure to be saved as `<stem>.png`, its description in words, and what to see in it."""

    stem: str
    figure: Figure
    alt: str
    caption: str


# No chart: the study has nothing to draw there.
Draw = Callable[[Results], Sequence[Chart]]
