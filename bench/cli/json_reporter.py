"""Progress of `bench run --json`: one JSON object per event, on standard output."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from bench.cli.plan_table import cell_names
from bench.cli.progress import Pace
from bench.cli.stoppable_reporter import StoppableReporter
from bench.cli.streams import is_unicode
from bench.execute.executor import Evaluated, Event, Lost, Printed, Started, Stepped
from bench.planning import Plan, PlannedRun
from bench.records import Outcome
from bench.runner import FinishedStudy


class JsonReporter(StoppableReporter):
    """Prints events: plan, start, epoch, printed, end, lost, extended, stopping, finish."""

    def __init__(self) -> None:
        super().__init__()
        self._pace = Pace(0.0)
        self._planned: Mapping[str, PlannedRun] = {}
        self._names: Mapping[str, str] = {}

    def show_stopping(self) -> None:
        """Report that no further run starts."""
        _print("stopping")

    def downloading(self, what: str, done: int, total: int) -> None:
        """Report the start and the end of a download."""
        if done == 0 or done == total:
            _print("download", what=what, done=done, total=total)

    def planned(self, plan: Plan) -> None:
        """Report the plan: its runs by state, and the estimated time."""
        self._names = cell_names(plan)
        self._planned = {planned.run.run_id: planned for planned in plan.to_execute}
        self._pace = Pace(plan.estimate_s)
        name, cells = plan.study.name, len(plan.cells)
        runs, estimate_s = len(self._planned), plan.estimate_s
        states = Counter(planned.state for planned in plan.runs)
        _print("plan", study=name, cells=cells, runs=runs, states=states, estimate_s=estimate_s)

    def happened(self, event: Event) -> None:
        """Report the start of a run, its epochs, its output, and its loss with a node."""
        match event:
            case Started():
                self.running[event.run_id] = event.node
                _print("start", **self._about(event.run_id), node=event.node)
            case Evaluated():
                accuracy = event.correct / event.images
                fields = {"epoch": event.epoch, "test_loss": event.loss, "test_accuracy": accuracy}
                _print("epoch", run_id=event.run_id, **fields)
            case Lost():
                self.running.pop(event.run_id, None)
                _print("lost", run_id=event.run_id, node=event.node, why=event.why)
            case Printed():
                _print("printed", run_id=event.run_id, log=str(event.log))
            case Stepped():
                pass

    def ended(self, planned: PlannedRun, outcome: Outcome) -> None:
        """Report how a run ended, and the estimated seconds left."""
        self.running.pop(outcome.run_id, None)
        if outcome.run_id in self._planned:
            self._pace.advance(planned.estimate_s)
        fields: dict[str, Any] = {
            "status": outcome.status,
            "reason": outcome.reason,
            "wall_s": outcome.wall_s,
            "left_s": self._pace.left_s,
        }
        if outcome.trial is not None:
            fields |= {"seed": outcome.trial.seed, "test_accuracy": outcome.trial.test_accuracy}
        _print("end", run_id=outcome.run_id, kind=planned.run.kind, **self._cell(planned), **fields)

    def extended(self, added: Sequence[PlannedRun], why: str) -> None:
        """Report an added timing block."""
        self._planned = {
            **self._planned,
            **{planned.run.run_id: planned for planned in added},
        }
        self._pace.extend(sum(planned.estimate_s for planned in added))
        _print("extended", block=added[0].run.block, runs=len(added), why=why)

    def finished(self, finished: FinishedStudy) -> None:
        """Report where the files are, and the number of runs by status."""
        report = None if finished.report is None else str(finished.report)
        statuses = dict(finished.statuses)
        _print("finish", results=str(finished.results), report=report, statuses=statuses)

    def _about(self, run_id: str) -> dict[str, Any]:
        planned = self._planned[run_id]
        return {"run_id": run_id, "kind": planned.run.kind, **self._cell(planned)}

    def _cell(self, planned: PlannedRun) -> dict[str, str]:
        cell_id = planned.run.cell.cell_id
        return {"cell_id": cell_id, "cell": self._names[cell_id]}


def _print(event: str, **fields: Any) -> None:
    """Print one object; JSON has neither infinity nor NaN."""
    values = {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in fields.items()
    }
    typer.echo(json.dumps({"event": event, **values}, ensure_ascii=not is_unicode()))
