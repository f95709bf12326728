"""Progress of `bench gate`, then its verdicts."""

import signal
from collections.abc import Sequence
from typing import Any, NoReturn, Self

from rich.markup import escape

from bench.analysis.comparison_table import ACCURACY
from bench.cli.terminal import WIDE, console, make_progress, table
from bench.cli.verdict_table import verdict_text
from bench.formatting import format_duration, plural
from bench.regress.benchmark_names import short_names
from bench.regress.benchmark_samples import Role
from bench.regress.gate import GateResult
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
[dim]head / base: above 1, a time is longer or an accuracy higher; 95% interval. detects: the
smallest change detected in 80% of cases. floor: the noise between base and itself.[/]"""


class TerminalGateReporter:
    """Shows a live bar on a terminal, elsewhere a line per pair."""

    def __init__(self, *, errors: bool = False) -> None:
        self._console = console(errors=errors)
        self._bar = make_progress(self._console, "{task.fields[note]}")
        self._task = self._bar.add_task("starting", total=None, note="")
        self._names: dict[str, str] = {}  # short names of the benchmarks measured so far
        self._sigterm_handler: Any = None

    def __enter__(self) -> Self:
        self._sigterm_handler = signal.signal(signal.SIGTERM, _raise_interrupt)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._bar.stop()
        signal.signal(signal.SIGTERM, self._sigterm_handler)

    def opened(self, base: str, head: str, remarks: Sequence[str]) -> None:
        """Show what is compared with what."""
        self._console.print(f"{escape(head)} compared with {escape(base)}")
        for remark in remarks:
            self._console.print(f"[yellow]{escape(remark)}[/]")

    def running(self, benchmark: str, role: Role | None, done: int, of: int) -> None:
        """Show the current benchmark."""
        if benchmark not in self._names:
            self._names = short_names([*self._names, benchmark])
        where = f" on {'base' if role == 'twin' else role}" if role else ""
        text = escape(self._names[benchmark] + where)
        self._bar.update(self._task, description=text, completed=done, total=of)

    def paired(self, pair: int, of: int, benchmarks: int, left_s: float) -> None:
        """Show a finished pair and the estimated time left."""
        left = f", {format_duration(left_s)} left" if left_s else ""
        text = f"pair {pair} of {of}{left}"
        self._bar.update(self._task, note=text)
        if not self._console.is_terminal:
            self._console.print(f"{text}: {plural(benchmarks, 'benchmark')}")

    def confirming(self, suspects: Sequence[str]) -> None:
        """Show the benchmarks that are measured again."""
        self._console.print(f"measuring possible regressions again: {escape(', '.join(suspects))}")

    def finished(self, gated: GateResult) -> None:
        """Print the verdicts, worst first."""
        for difference in gated.differences:
            self._console.print(f"[bold magenta]not comparable[/] – {escape(difference)}")
        for trade_off in trade_offs(gated.rows):
            self._console.print(f"[bold]{escape(trade_off)}[/]")
        rows = in_order(gated.rows)
        names = names_of(rows)
        texts = [cells(row, names) for row in rows]
        narrow = FIRST_LEFT_OUT if self._console.width < WIDE else ()
        columns = [
            i
            for i, column in enumerate(COLUMNS)
            if column not in narrow and {row[i] for row in texts} - {"", "time"}
        ]
        table_rows = table(self._console, *(COLUMNS[i] for i in columns), right=NUMBERS)
        for row, row_texts in zip(rows, texts, strict=True):
            marked = [escape(text) for text in row_texts]
            marked[VERDICT] = verdict_text(row.verdict, is_accuracy=row.measure == ACCURACY)
            table_rows.add_row(*(marked[i] for i in columns))
        if gated.rows:
            self._console.print(table_rows)
            self._console.print(LEGEND)
        self._console.print(f"[bold]{escape(headline(gated))}[/]")


def _raise_interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
