"""Progress of `bench run` on a terminal, then the result."""

from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.segment import Segment, Segments

from bench.cli.closing_table import print_result
from bench.cli.plan_table import cell_names, print_summary, run_name
from bench.cli.progress import Bars, Pace
from bench.cli.stoppable_reporter import StoppableReporter
from bench.cli.terminal import console
from bench.execute.executor import Evaluated, Event, Lost, Printed, Started, Stepped
from bench.formatting import format_duration, plural
from bench.planning import Plan, PlannedRun
from bench.records import Outcome
from bench.runner import FinishedStudy

PROGRESS_LINES = 10  # where there is no terminal for a bar


class TerminalReporter(StoppableReporter):
    """Shows live bars on a terminal, elsewhere a few plain lines."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__()
        self._console = console()
        self._bars = Bars(self._console) if self._console.is_terminal else None
        self._verbose = verbose
        self._names: Mapping[str, str] = {}
        self._planned: Mapping[str, PlannedRun] = {}
        self._logs: dict[str, str] = {}  # paths of logged output, by run id
        self._pace = Pace(0.0)
        self._lines_printed = 0
        self._best: tuple[float, str] = (0.0, "")  # highest accuracy and its run

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        if self._bars is not None:
            self._bars.stop()

    def show_stopping(self) -> None:
        """Print what the first Ctrl-C does."""
        self._console.print(
            "[bold yellow]stopping after the current runs; press Ctrl-C again to abandon them[/]"
        )

    def downloading(self, what: str, done: int, total: int) -> None:
        """Show the progress of a download."""
        if self._bars is not None:
            self._bars.fetching(what, done, total)
        elif done == 0:
            self._console.print(escape(what))

    def planned(self, plan: Plan) -> None:
        """Show the plan and start the bars."""
        if self._bars is not None:
            self._bars.stop()
        print_summary(self._console, plan)
        self._names = cell_names(plan)
        self._planned = {t.run.run_id: t for t in plan.to_execute}
        self._pace = Pace(plan.estimate_s)
        self._lines_printed = 0
        for planned in plan.runs:
            if planned.state == "cached" and planned.outcome is not None:
                self._note_best(planned, planned.outcome.test_accuracy)
        if self._bars is not None and self._planned:
            self._bars.start(len(self._planned), self._pace.left_s)

    def happened(self, event: Event) -> None:
        """Update the current run's bar; with -v print the log lines of the training loop."""
        name = self._run_name(self._planned[event.run_id])
        match event:
            case Started():
                self.running[event.run_id] = event.node
                self._show_run(name, 0.0)
                if self._verbose:
                    at = f" on {event.node}" if event.node else ""
                    self._console.print(f"\n{name}{at}", markup=False)
            case Stepped():
                done = event.epoch - 1 + event.step / event.steps
                self._show_run(f"{name} · epoch {event.epoch}/{event.epochs}", done / event.epochs)
                if event.loss is not None:
                    self._print_verbatim(training_line(event))
            case Evaluated():
                if self._verbose:
                    self._print_verbatim(test_line(event))
            case Printed():
                self._logs[event.run_id] = str(event.log)
                if self._verbose:
                    self._console.print(f"printed: {event.log}", markup=False)
            case Lost():
                self.running.pop(event.run_id, None)
                where = escape(f"{name} on {event.node}: {event.why}")
                self._console.print(f"[yellow]lost[/] {where}; it runs again")

    def ended(self, planned: PlannedRun, outcome: Outcome) -> None:
        """Update the overall bar, or print a line at each tenth of the work."""
        self.running.pop(outcome.run_id, None)
        if outcome.status not in ("ok", "skipped"):
            name, reason = escape(self._run_name(planned)), escape(outcome.reason or "")
            self._console.print(f"[bold red]{outcome.status}[/] {name}: {reason}")
            if log := self._logs.get(outcome.run_id):
                self._console.print(f"  printed: {log}", markup=False, soft_wrap=True)
        if planned.run.run_id not in self._planned:
            return
        self._pace.advance(planned.estimate_s)
        if outcome.trial is not None:
            self._note_best(planned, outcome.trial.test_accuracy)
        self._show_all()
        if self._bars is None and self._pace.share * PROGRESS_LINES >= self._lines_printed + 1:
            self._lines_printed = int(self._pace.share * PROGRESS_LINES)
            left_text = format_duration(self._pace.left_s)
            left = f"{self._pace.runs}/{len(self._planned)} runs, {left_text} left"
            accuracy, best_run = self._best
            best = f"; best so far {accuracy:.2%}, {best_run}" if best_run else ""
            self._console.print(left + best, markup=False)

    def extended(self, added: Sequence[PlannedRun], why: str) -> None:
        """Show an added timing block, and count its runs."""
        self._planned = {
            **self._planned,
            **{planned.run.run_id: planned for planned in added},
        }
        self._pace.extend(sum(planned.estimate_s for planned in added))
        cells = plural(len({planned.run.cell.cell_id for planned in added}), "cell")
        self._console.print(f"timing block {added[0].run.block} added for {cells} {why}")
        self._show_all()

    def finished(self, finished: FinishedStudy) -> None:
        """Print the closing table."""
        print_result(self._console, finished, self._pace.runs, self._pace.elapsed_s)

    def _print_verbatim(self, text: str) -> None:
        """Print above the bars with tabs, which rich would turn into spaces."""
        self._console.print(Segments([Segment(text), Segment.line()]))

    def _note_best(self, planned: PlannedRun, accuracy: float | None) -> None:
        if accuracy is not None:
            self._best = max(self._best, (accuracy, self._run_name(planned)))

    def _show_all(self) -> None:
        accuracy, best_run = self._best
        if self._bars is not None:
            best = f"best {accuracy:.2%}" if best_run else ""
            self._bars.overall(self._pace, len(self._planned), best)

    def _show_run(self, name: str, share: float) -> None:
        if self._bars is None:
            return
        nodes = len(set(self.running.values()))
        text = f"{len(self.running)} runs on {plural(nodes, 'node')}; {name}" if nodes > 1 else name
        self._bars.current(text, share)

    def _run_name(self, planned: PlannedRun) -> str:
        run = planned.run
        return f"{self._names[run.cell.cell_id]} · {run_name(run)}"


def training_line(event: Stepped) -> str:
    """Return the line that the training loop of the PyTorch MNIST example prints."""
    batches_before = event.step - 1  # the example counts batches from 0
    seen = batches_before * event.batch_size
    percent = 100.0 * batches_before / event.steps
    return (
        f"Train Epoch: {event.epoch} [{seen}/{event.images} ({percent:.0f}%)]"
        f"\tLoss: {event.loss:.6f}"
    )


def test_line(event: Evaluated) -> str:
    """Return the line that the test loop of the PyTorch MNIST example prints."""
    percent = 100.0 * event.correct / event.images
    return (
        f"\nTest set: Average loss: {event.loss:.4f}, "
        f"Accuracy: {event.correct}/{event.images} ({percent:.0f}%)\n"
    )
