"""What a person sees while a gate measures, and its verdicts."""

import signal
from collections.abc import Sequence
from typing import Any, NoReturn, Self

from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from bench.cli.terminal import console, table
from bench.cli.verdict_table import COLOURS, WIDE
from bench.formatting import format_duration, plural
from bench.regress.benchmark_names import short_names
from bench.regress.benchmark_samples import Role
from bench.regress.gate import Gated
from bench.regress.gate_summary import (
    COLUMNS,
    NUMBERS,
    VERDICT,
    cells,
    headline,
    in_order,
    names_of,
    trade_offs,
)

FIRST_LEFT_OUT = ("floor", "pairs")
LEGEND = """\
[dim]head / base: above 1 a time is longer, an accuracy higher; 95% interval. detects: the least \
change that is
found four times in five. floor: what no change at all looked like meanwhile.[/]"""


class TerminalGateReporter:
    """Shows a gate on a terminal with a live bar, elsewhere with a line a pair."""

    def __init__(self, *, errors: bool = False) -> None:
        self._console = console(errors=errors)
        self._bar: Progress | None = None
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                TextColumn("{task.fields[note]}"),
                console=self._console,
                transient=True,
            )
            self._bar.add_task("starting", total=None, note="")
        self._names: dict[str, str] = {}  # short ones of what was measured so far
        self._terminate: Any = None

    def __enter__(self) -> Self:
        self._terminate = signal.signal(signal.SIGTERM, _interrupted)
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        signal.signal(signal.SIGTERM, self._terminate)

    def opened(self, base: str, head: str, remarks: Sequence[str]) -> None:
        """Show what is held against what."""
        self._console.print(f"{escape(head)} against {escape(base)}")
        for remark in remarks:
            self._console.print(f"[yellow]{escape(remark)}[/]")

    def running(self, benchmark: str, role: Role, done: int, of: int) -> None:
        """Move the bar to a benchmark of the pair at hand."""
        if self._bar is not None:
            task = self._bar.task_ids[0]
            if benchmark not in self._names:
                self._names = short_names([*self._names, benchmark])
            side = "base" if role == "twin" else role
            text = escape(f"{self._names[benchmark]} on {side}")
            self._bar.update(task, description=text, completed=done, total=of)

    def paired(self, pair: int, of: int, benchmarks: int, left_s: float) -> None:
        """Show that a pair is done, and how long the others will take."""
        left = f", {format_duration(left_s)} left" if left_s else ""
        text = f"pair {pair} of {of}{left}"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], note=text)
        else:
            self._console.print(f"{text}: {plural(benchmarks, 'benchmark')}")

    def confirming(self, suspects: Sequence[str]) -> None:
        """Show what looks like a regression."""
        names = escape(", ".join(suspects))
        self._console.print(f"measured again, since it looks slower or worse: {names}")

    def finished(self, gated: Gated) -> None:
        """Print the verdicts, what needs a look first."""
        for difference in gated.differences:
            self._console.print(f"[bold magenta]not comparable[/] – {escape(difference)}")
        for said in trade_offs(gated.rows):
            self._console.print(f"[bold]{escape(said)}[/]")
        rows = in_order(gated.rows)
        names = names_of(rows)
        texts = [cells(row, names) for row in rows]
        narrow = FIRST_LEFT_OUT if self._console.width < WIDE else ()
        told = [
            i
            for i, column in enumerate(COLUMNS)
            if column not in narrow and {row[i] for row in texts} - {"", "time"}
        ]
        shown = table(self._console, *(COLUMNS[i] for i in told), right=NUMBERS)
        for row, its in zip(rows, texts, strict=True):
            marked = [escape(text) for text in its]
            marked[VERDICT] = f"[{COLOURS[row.verdict]}]{row.verdict}[/]"
            shown.add_row(*(marked[i] for i in told))
        if gated.rows:
            self._console.print(shown)
            self._console.print(LEGEND)
        self._console.print(f"[bold]{escape(headline(gated))}[/]")


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt
