"""Progress of `bench run` on a terminal, then the result."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.segment import Segment, Segments

from bench.cli.closing_table import print_result
from bench.cli.plan_table import print_summary
from bench.cli.study_reporter import StudyReporter
from bench.cli.terminal import Bars, console
from bench.execute.executor import Evaluated, Event, Lost, Printed, Started, Stepped
from bench.formatting import format_duration, format_share, plural
from bench.planning import Plan, PlannedRun
from bench.records import Outcome
from bench.runner import FinishedStudy

if TYPE_CHECKING:
    from bench.analysis.time_comparisons import Noise

PROGRESS_LINES = 10  # where there is no terminal for a bar


class TerminalReporter(StudyReporter):
    """Shows live bars on a terminal, elsewhere a few plain lines."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__()
        self._console = console()
        self._bars = Bars(self._console)
        self._verbose = verbose
        self._logs: dict[str, str] = {}  # paths of logged output, by run id
        self._lines_printed = 0
        self._best: tuple[float, str] = (0.0, "")  # highest accuracy and its run
        self._detects = ""

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._bars.stop()

    def show_stopping(self) -> None:
        """Print what the first Ctrl-C does."""
        text = "stopping after the current runs; press Ctrl-C again to abandon them"
        self._console.print(f"[bold yellow]{text}[/]")

    def downloading(self, what: str, done: int, total: int) -> None:
        """Show the progress of a download."""
        self._bars.fetching(what, done, total)
        if not self._bars.is_enabled and done == 0:
            self._console.print(escape(what))

    def planned(self, plan: Plan) -> None:
        """Show the plan and start the bars."""
        super().planned(plan)
        self._bars.stop()
        print_summary(self._console, plan)
        self._lines_printed = 0
        for planned in plan.runs:
            if planned.outcome is not None:
                self._note_best(planned, planned.outcome.test_accuracy)
        if self.runs:
            self._bars.start(len(self.runs), self.pace.left_s)

    def happened(self, event: Event) -> None:
        """Update the current run's bar; with -v print the log lines of the training loop."""
        super().happened(event)
        name = self.run_name(self.runs[event.run_id])
        match event:
            case Started():
                self._show_run(name, 0.0)
                if self._verbose:
                    node = f" on {event.node}" if event.node else ""
                    self._console.print(f"\n{name}{node}", markup=False)
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
                where = escape(f"{name} on {event.node}: {event.why}")
                self._console.print(f"[yellow]lost[/] {where}; it runs again")

    def ended(self, planned: PlannedRun, outcome: Outcome) -> None:
        """Update the overall bar, or print a line at each tenth of the work."""
        super().ended(planned, outcome)
        if outcome.status not in ("ok", "skipped"):
            name, reason = escape(self.run_name(planned)), escape(outcome.reason or "")
            self._console.print(f"[bold red]{outcome.status}[/] {name}: {reason}")
            if log := self._logs.get(outcome.run_id):
                self._console.print(f"  printed: {log}", markup=False, soft_wrap=True)
        if outcome.run_id not in self.runs:
            return
        if outcome.trial is not None:
            self._note_best(planned, outcome.trial.test_accuracy)
        self._show_all()
        lines = int(self.pace.share * PROGRESS_LINES)
        if not self._bars.is_enabled and lines > self._lines_printed:
            self._lines_printed = lines
            left = format_duration(self.pace.left_s)
            accuracy, run = self._best
            best = f"; best so far {accuracy:.2%}, {run}" if run else ""
            detects = f"; {self._detects}" if self._detects else ""
            text = f"{self.pace.runs}/{len(self.runs)} runs, {left} left{best}{detects}"
            self._console.print(text, markup=False)

    def extended(self, added: Sequence[PlannedRun], why: str) -> None:
        """Show added timing sets or trials."""
        super().extended(added, why)
        if added[0].run.kind == "trial":
            sets = plural(len({planned.run.seed for planned in added}), "more seed")
        else:
            sets = plural(len({planned.run.block for planned in added}), "more timing set")
        cells = plural(len({planned.run.cell.cell_id for planned in added}), "cell")
        self._console.print(f"{sets} of {cells}: {why}")
        self._show_all()

    def detecting(self, noise: "Noise") -> None:
        """Show what the timing sets so far can detect."""
        if noise.detects is not None:
            sets = plural(noise.n, "timing set")
            self._detects = f"{sets} can detect changes from {format_share(noise.detects)}"
            self._show_all()

    def finished(self, finished: FinishedStudy) -> None:
        """Print the closing table."""
        print_result(self._console, finished, self.pace.runs, self.pace.elapsed_s)

    def _print_verbatim(self, text: str) -> None:
        """Print above the bars with tabs, which rich would turn into spaces."""
        self._console.print(Segments([Segment(text), Segment.line()]))

    def _note_best(self, planned: PlannedRun, accuracy: float | None) -> None:
        if accuracy is not None:
            self._best = max(self._best, (accuracy, self.run_name(planned)))

    def _show_all(self) -> None:
        accuracy, run = self._best
        notes = [f"best {accuracy:.2%}"] if run else []
        notes += [self._detects] if self._detects else []
        self._bars.overall(self.pace, len(self.runs), "; ".join(notes))

    def _show_run(self, name: str, share: float) -> None:
        nodes = len(set(self.running.values()))
        text = f"{len(self.running)} runs on {plural(nodes, 'node')}; {name}" if nodes > 1 else name
        self._bars.current(text, share)


def training_line(event: Stepped) -> str:
    """Return the line that the training loop of the PyTorch MNIST example prints."""
    batches = event.step - 1  # the example counts batches from 0
    done = f"{batches * event.batch_size}/{event.images} ({100.0 * batches / event.steps:.0f}%)"
    return f"Train Epoch: {event.epoch} [{done}]\tLoss: {event.loss:.6f}"


def test_line(event: Evaluated) -> str:
    """Return the line that the test loop of the PyTorch MNIST example prints."""
    accuracy = f"{event.correct}/{event.images} ({100.0 * event.correct / event.images:.0f}%)"
    return f"\nTest set: Average loss: {event.loss:.4f}, Accuracy: {accuracy}\n"
