"""Progress of `bench run --json`: one JSON object per event, on standard output."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from bench.cli.streams import is_unicode
from bench.cli.study_reporter import StudyReporter
from bench.execute.executor import Evaluated, Event, Lost, Printed, Started
from bench.planning import Plan, PlannedRun
from bench.records import Outcome
from bench.runner import FinishedStudy

if TYPE_CHECKING:
    from bench.analysis.time_comparisons import Noise


class JsonReporter(StudyReporter):
    """Prints download, plan, start, epoch, printed, end, lost, extended, noise, finish and more."""

    def show_stopping(self) -> None:
        """Report that no further run starts."""
        _print("stopping")

    def downloading(self, what: str, done: int, total: int) -> None:
        """Report the start and the end of a download."""
        if done == 0 or done == total:
            _print("download", what=what, done=done, total=total)

    def planned(self, plan: Plan) -> None:
        """Report the plan: its runs by state, and the estimated time."""
        super().planned(plan)
        _print(
            "plan",
            study=plan.study.name,
            cells=len(plan.cells),
            runs=len(self.runs),
            states=Counter(planned.state for planned in plan.runs),
            estimate_s=plan.estimate_s,
        )

    def happened(self, event: Event) -> None:
        """Report the start of a run, its epochs, its output, and its loss with a node."""
        super().happened(event)
        run_id = event.run_id
        match event:
            case Started():
                _print("start", **self._describe(self.runs[run_id]), node=event.node)
            case Evaluated(epoch=epoch, loss=loss):
                accuracy = event.correct / event.images
                _print("epoch", run_id=run_id, epoch=epoch, test_loss=loss, test_accuracy=accuracy)
            case Lost():
                _print("lost", run_id=run_id, node=event.node, why=event.why)
            case Printed():
                _print("printed", run_id=run_id, log=str(event.log))

    def ended(self, planned: PlannedRun, outcome: Outcome) -> None:
        """Report how a run ended, and the estimated seconds left."""
        super().ended(planned, outcome)
        fields = {name: getattr(outcome, name) for name in ("status", "reason", "wall_s")}
        fields["left_s"] = self.pace.left_s
        if outcome.trial is not None:
            fields |= {"seed": outcome.trial.seed, "test_accuracy": outcome.trial.test_accuracy}
        _print("end", **self._describe(planned), **fields)

    def extended(self, added: Sequence[PlannedRun], why: str) -> None:
        """Report added timing sets or trials."""
        super().extended(added, why)
        first = added[0].run
        block = first.block if first.kind == "block" else None
        _print("extended", kind=first.kind, block=block, runs=len(added), why=why)

    def detecting(self, noise: "Noise") -> None:
        """Report what the timing sets so far can detect."""
        _print("noise", sets=noise.n, floor=noise.floor, detects=noise.detects)

    def finished(self, finished: FinishedStudy) -> None:
        """Report where the files are, and the number of runs by status."""
        report = None if finished.report is None else str(finished.report)
        statuses = dict(finished.statuses)
        _print("finish", results=str(finished.folder), report=report, statuses=statuses)

    def _describe(self, planned: PlannedRun) -> dict[str, str]:
        run, cell_id = planned.run, planned.run.cell.cell_id
        cell = self.names[cell_id]
        return {"run_id": run.run_id, "kind": run.kind, "cell_id": cell_id, "cell": cell}


def _print(event: str, **fields: Any) -> None:
    """Print one object; JSON has neither infinity nor NaN."""
    values = {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in fields.items()
    }
    typer.echo(json.dumps({"event": event, **values}, ensure_ascii=not is_unicode()))
