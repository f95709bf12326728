"""What a person sees while a study runs: progress with time left, then the result."""

from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.segment import Segment, Segments

from bench.cli.closing_table import print_result
from bench.cli.plan_table import cell_names, print_summary, run_name
from bench.cli.progress import Bars, Pace
from bench.cli.stoppable import Stoppable
from bench.cli.terminal import console
from bench.execute.executor import Evaluated, Event, Lost, Printed, Started, Stepped
from bench.formatting import format_duration, plural
from bench.planning import Agenda, Task
from bench.records import Outcome
from bench.runner import Finished

HEARTBEATS = 10  # lines of progress where there is no terminal to draw a bar on


class TerminalReporter(Stoppable):
    """Shows a study on a terminal with live bars, elsewhere with a few plain lines."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__()
        self._console = console()
        self._bars = Bars(self._console) if self._console.is_terminal else None
        self._verbose = verbose
        self._names: Mapping[str, str] = {}
        self._tasks: Mapping[str, Task] = {}
        self._logs: dict[str, str] = {}  # of what networks printed, by their runs' ids
        self._pace = Pace(0.0)
        self._heartbeats = 0
        self._best: tuple[float, str] = (0.0, "")  # the highest accuracy of a trial, and whose

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        if self._bars is not None:
            self._bars.stop()

    def tell_stopping(self) -> None:
        """Say what the first Ctrl-C does."""
        self._console.print(
            "[bold yellow]ends once what runs now has ended; Ctrl-C again abandons it[/]"
        )

    def downloading(self, what: str, done: int, total: int) -> None:
        """Show how far a data set has come."""
        if self._bars is not None:
            self._bars.fetching(what, done, total)
        elif done == 0:
            self._console.print(escape(what))

    def planned(self, agenda: Agenda) -> None:
        """Show the plan and start the bars."""
        if self._bars is not None:
            self._bars.stop()
        print_summary(self._console, agenda)
        self._names = cell_names(agenda)
        self._tasks = {t.run.run_id: t for t in agenda.to_measure}
        self._pace = Pace(agenda.estimate_s)
        self._heartbeats = 0
        for task in agenda.tasks:
            if task.state == "cached" and task.known is not None:
                self._note_best(task, task.known.test_accuracy)
        if self._bars is not None and self._tasks:
            self._bars.start(len(self._tasks), self._pace.left_s)

    def happened(self, event: Event) -> None:
        """Move the run's bar; with -v print the log lines of the reference's training loop."""
        name = self._run_name(self._tasks[event.run_id])
        match event:
            case Started():
                self.going[event.run_id] = event.node
                self._show(name, 0.0)
                if self._verbose:
                    at = f" on {event.node}" if event.node else ""
                    self._console.print(f"\n{name}{at}", markup=False)
            case Stepped():
                done = event.epoch - 1 + event.step / event.steps
                self._show(f"{name} · epoch {event.epoch}/{event.epochs}", done / event.epochs)
                if event.loss is not None:
                    self._print_as_it_is(training_line(event))
            case Evaluated():
                if self._verbose:
                    self._print_as_it_is(test_line(event))
            case Printed():
                self._logs[event.run_id] = str(event.log)
                if self._verbose:
                    self._console.print(f"printed: {event.log}", markup=False)
            case Lost():
                self.going.pop(event.run_id, None)
                told = escape(f"{name} on {event.node}: {event.why}")
                self._console.print(f"[yellow]lost[/] {told}; it is done again")

    def ended(self, task: Task, outcome: Outcome) -> None:
        """Move the overall bar, or print a line at each tenth of the work."""
        self.going.pop(outcome.run_id, None)
        if outcome.status not in ("ok", "skipped"):
            name, reason = escape(self._run_name(task)), escape(outcome.reason or "")
            self._console.print(f"[bold red]{outcome.status}[/] {name}: {reason}")
            if log := self._logs.get(outcome.run_id):
                self._console.print(f"  printed: {log}", markup=False, soft_wrap=True)
        if task.run.run_id not in self._tasks:
            return
        self._pace.advance(task.estimate_s)
        if outcome.trial is not None:
            self._note_best(task, outcome.trial.test_accuracy)
        self._show_all()
        if self._bars is None and self._pace.share * HEARTBEATS >= self._heartbeats + 1:
            self._heartbeats = int(self._pace.share * HEARTBEATS)
            left_text = format_duration(self._pace.left_s)
            left = f"{self._pace.runs}/{len(self._tasks)} runs, {left_text} left"
            accuracy, whose = self._best
            best = f"; best so far {accuracy:.2%}, {whose}" if whose else ""
            self._console.print(left + best, markup=False)

    def extended(self, tasks: Sequence[Task], why: str) -> None:
        """Say which cells are timed again, and count them among all that is to do."""
        self._tasks = {**self._tasks, **{task.run.run_id: task for task in tasks}}
        self._pace.extend(sum(task.estimate_s for task in tasks))
        cells = plural(len({task.run.planned.cell_id for task in tasks}), "cell")
        self._console.print(f"timing block {tasks[0].run.block} is added: {cells} {why}")
        self._show_all()

    def finished(self, finished: Finished) -> None:
        """Print the closing table and where everything lies."""
        print_result(self._console, finished, self._pace.runs, self._pace.elapsed_s)

    def _print_as_it_is(self, text: str) -> None:
        """Print above the bars, tabs and all, which rich would otherwise turn into spaces."""
        self._console.print(Segments([Segment(text), Segment.line()]))

    def _note_best(self, task: Task, accuracy: float | None) -> None:
        if accuracy is not None:
            self._best = max(self._best, (accuracy, self._run_name(task)))

    def _show_all(self) -> None:
        """Show how far all runs are."""
        accuracy, whose = self._best
        if self._bars is not None:
            best = f"best {accuracy:.2%}" if whose else ""
            self._bars.overall(self._pace, len(self._tasks), best)

    def _show(self, name: str, share: float) -> None:
        """Show the run that was heard of last, and how many go on beside it."""
        if self._bars is None:
            return
        nodes = len(set(self.going.values()))
        beside = f"{len(self.going)} runs on {plural(nodes, 'node')}; {name}" if nodes > 1 else name
        self._bars.current(beside, share)

    def _run_name(self, task: Task) -> str:
        run = task.run
        return f"{self._names[run.planned.cell_id]} · {run_name(run)}"


def training_line(event: Stepped) -> str:
    """Write a step as the reference document's training loop prints it."""
    batches_before = event.step - 1  # the reference counts its batches from 0
    seen = batches_before * event.batch_size
    percent = 100.0 * batches_before / event.steps
    return (
        f"Train Epoch: {event.epoch} [{seen}/{event.images} ({percent:.0f}%)]"
        f"\tLoss: {event.loss:.6f}"
    )


def test_line(event: Evaluated) -> str:
    """Write an evaluation as the reference document's test loop prints it."""
    percent = 100.0 * event.correct / event.images
    return (
        f"\nTest set: Average loss: {event.loss:.4f}, "
        f"Accuracy: {event.correct}/{event.images} ({percent:.0f}%)\n"
    )
