"""The console, its tables and progress bars: plain columns and no bars without a terminal."""

import sys
import time
from collections.abc import Set
from dataclasses import dataclass, field

from rich import box
from rich.console import Console, JustifyMethod
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from bench.formatting import format_duration

PLAIN_WIDTH = 200  # keeps each table row on one line
WIDE = 110  # columns; narrower terminals get shorter tables


def console(*, errors: bool = False) -> Console:
    """Return a console on standard output or error; rich itself honours NO_COLOR."""
    stream = sys.stderr if errors else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=not stream.isatty())


def table(target: Console, *columns: str, right: Set[str] = frozenset()) -> Table:
    """Return an empty table; the columns in `right` hold numbers."""
    made = Table(
        box=box.SIMPLE_HEAD if target.is_terminal else None,
        pad_edge=False,
        collapse_padding=target.is_terminal,
    )
    for name in columns:
        justify: JustifyMethod = "right" if name in right else "left"
        made.add_column(name, justify=justify, overflow="fold", no_wrap=name in right)
    return made


@dataclass
class Pace:
    """Progress through the estimated work, and the remaining time."""

    estimate_s: float = 0.0
    runs: int = 0
    _done_s: float = 0.0
    _started_s: float = field(default_factory=time.monotonic)

    def advance(self, estimate_s: float) -> None:
        """Count a finished run by its estimate."""
        self._done_s += estimate_s
        self.runs += 1

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first run."""
        return time.monotonic() - self._started_s

    @property
    def share(self) -> float:
        """Fraction of the estimated work that is done."""
        return self._done_s / self.estimate_s if self.estimate_s else 1.0

    @property
    def left_s(self) -> float:
        """Seconds left: the remaining estimate, scaled by how the finished part deviated."""
        rest_s = max(0.0, self.estimate_s - self._done_s)
        return rest_s * self.elapsed_s / self._done_s if self._done_s else rest_s


def make_progress(console: Console, *columns: str) -> Progress:
    """Return bars with a description and these columns; without a terminal they are disabled."""
    shown = (TextColumn("{task.description}"), BarColumn(bar_width=30), *map(TextColumn, columns))
    return Progress(*shown, console=console, transient=True, disable=not console.is_terminal)


class Bars:
    """Live bars on a terminal: one for all runs, one for the current run."""

    def __init__(self, console: Console) -> None:
        percentage, note = "{task.percentage:>3.0f}%", "{task.fields[note]}"
        self._progress = make_progress(console, percentage, note)
        self.is_enabled = console.is_terminal
        self._all: TaskID | None = None
        self._current: TaskID | None = None
        self._file: TaskID | None = None

    def start(self, runs: int, left_s: float) -> None:
        """Show the bars of a study."""
        self._progress.start()
        self._all = self._progress.add_task("all runs", total=1.0, note=_left(0, runs, left_s))
        self._current = self._progress.add_task("", total=1.0, note="")

    def stop(self) -> None:
        """Remove the bars."""
        if self.is_enabled:  # before rich 14, disabled bars print an empty line
            self._progress.stop()

    def current(self, name: str, share: float) -> None:
        """Show the progress of the current run."""
        if self._current is not None:
            self._progress.update(self._current, description=name, completed=share)

    def overall(self, pace: Pace, runs: int, best: str) -> None:
        """Show the progress of all runs, and the best accuracy so far."""
        if self._all is not None:
            note = _left(pace.runs, runs, pace.left_s) + (f", {best}" if best else "")
            self._progress.update(self._all, completed=pace.share, note=note)

    def fetching(self, what: str, done: int, total: int) -> None:
        """Show the progress of a download; remove its bar at the end."""
        self._progress.start()
        if self._file is None:
            self._file = self._progress.add_task(what, total=None, note="")
        self._progress.update(self._file, description=what, completed=done, total=total or None)
        if total and done >= total:
            self._progress.remove_task(self._file)
            self._file = None


def _left(done: int, runs: int, left_s: float) -> str:
    return f"{done}/{runs}, {format_duration(left_s)} left"
