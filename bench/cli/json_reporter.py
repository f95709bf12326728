"""What a script reads while a study runs: an object a line, on standard output."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from bench.cli.plan_table import cell_names
from bench.cli.progress import Pace
from bench.cli.stoppable import Stoppable
from bench.cli.streams import is_unicode
from bench.execute.executor import Evaluated, Event, Lost, Printed, Started, Stepped
from bench.planning import Agenda, Task
from bench.records import Outcome
from bench.runner import Finished


class JsonReporter(Stoppable):
    """Tells a study in lines of JSON: plan, start, epoch, printed, end, lost, extended, finish."""

    def __init__(self) -> None:
        super().__init__()
        self._pace = Pace(0.0)
        self._tasks: Mapping[str, Task] = {}
        self._names: Mapping[str, str] = {}

    def tell_stopping(self) -> None:
        """Say that what runs now is the last."""
        _tell("stopping")

    def downloading(self, what: str, done: int, total: int) -> None:
        """Say that a data set is fetched, and that it is there."""
        if done == 0 or done == total:
            _tell("download", what=what, done=done, total=total)

    def planned(self, agenda: Agenda) -> None:
        """Tell the plan: how many runs are in which state, and what the rest takes."""
        self._names = cell_names(agenda)
        self._tasks = {task.run.run_id: task for task in agenda.to_measure}
        self._pace = Pace(agenda.estimate_s)
        name, cells = agenda.plan.study.name, len(agenda.plan.cells)
        runs, estimate_s = len(self._tasks), agenda.estimate_s
        states = Counter(task.state for task in agenda.tasks)
        _tell("plan", study=name, cells=cells, runs=runs, states=states, estimate_s=estimate_s)

    def happened(self, event: Event) -> None:
        """Tell of a run's beginning, of its epochs, and of its loss with a machine."""
        match event:
            case Started():
                self.going[event.run_id] = event.node
                _tell("start", **self._about(event.run_id), node=event.node)
            case Evaluated():
                accuracy = event.correct / event.images
                told = {"epoch": event.epoch, "test_loss": event.loss, "test_accuracy": accuracy}
                _tell("epoch", run_id=event.run_id, **told)
            case Lost():
                self.going.pop(event.run_id, None)
                _tell("lost", run_id=event.run_id, node=event.node, why=event.why)
            case Printed():
                _tell("printed", run_id=event.run_id, log=str(event.log))
            case Stepped():
                pass

    def ended(self, task: Task, outcome: Outcome) -> None:
        """Tell how a run ended, and the seconds that all the others may still take."""
        self.going.pop(outcome.run_id, None)
        if outcome.run_id in self._tasks:
            self._pace.advance(task.estimate_s)
        told: dict[str, Any] = {"status": outcome.status, "reason": outcome.reason}
        told |= {"wall_s": outcome.wall_s, "left_s": self._pace.left_s}
        if outcome.trial is not None:
            told |= {"seed": outcome.trial.seed, "test_accuracy": outcome.trial.test_accuracy}
        _tell("end", run_id=outcome.run_id, kind=task.run.kind, **self._cell(task), **told)

    def extended(self, tasks: Sequence[Task], why: str) -> None:
        """Tell of a timing block that is added."""
        self._tasks = {**self._tasks, **{task.run.run_id: task for task in tasks}}
        self._pace.extend(sum(task.estimate_s for task in tasks))
        _tell("extended", block=tasks[0].run.block, runs=len(tasks), why=why)

    def finished(self, finished: Finished) -> None:
        """Tell where everything lies, and how many runs ended how."""
        report = None if finished.report is None else str(finished.report)
        statuses = dict(finished.statuses)
        _tell("finish", results=str(finished.results), report=report, statuses=statuses)

    def _about(self, run_id: str) -> dict[str, Any]:
        task = self._tasks[run_id]
        return {"run_id": run_id, "kind": task.run.kind, **self._cell(task)}

    def _cell(self, task: Task) -> dict[str, str]:
        cell_id = task.run.planned.cell_id
        return {"cell_id": cell_id, "cell": self._names[cell_id]}


def _tell(event: str, **what: Any) -> None:
    """Print one object; JSON knows no infinite number and no NaN."""
    known = {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in what.items()
    }
    typer.echo(json.dumps({"event": event, **known}, ensure_ascii=not is_unicode()))
