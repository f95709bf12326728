"""Progress bars and the remaining time."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from bench.formatting import format_duration


class Pace:
    """Progress through the estimated work, and the remaining time."""

    def __init__(self, estimate_s: float) -> None:
        self._estimate_s = estimate_s
        self._done_s = 0.0
        self._started_s = time.monotonic()
        self.runs = 0

    def advance(self, estimate_s: float) -> None:
        """Count a finished run by its estimate."""
        self._done_s += estimate_s
        self.runs += 1

    def extend(self, estimate_s: float) -> None:
        """Count runs that were added later."""
        self._estimate_s += estimate_s

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first run."""
        return time.monotonic() - self._started_s

    @property
    def share(self) -> float:
        """Fraction of the estimated work that is done."""
        return self._done_s / self._estimate_s if self._estimate_s else 1.0

    @property
    def left_s(self) -> float:
        """Seconds left: the remaining estimate, scaled by how the finished part deviated."""
        rest_s = max(0.0, self._estimate_s - self._done_s)
        if not self._done_s:
            return rest_s
        return rest_s * self.elapsed_s / self._done_s


class Bars:
    """Live bars on a terminal: one for all runs, one for the current run."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
        )
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
