"""What the reporters of `bench run` share: the runs, the remaining time, and Ctrl-C."""

import signal
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

from bench.cli.plan_table import cell_names, name_runs
from bench.cli.terminal import Pace
from bench.execute.executor import Event, Lost, Started
from bench.planning import Plan, PlannedRun
from bench.records import Outcome
from bench.runner import Reporter


class StudyReporter(Reporter):
    """Keeps track of a study's runs; handles Ctrl-C and SIGTERM inside a `with` block.

    The first Ctrl-C lets the current runs end. The second, and SIGTERM, raise KeyboardInterrupt.
    `running` maps the ids of current runs to their nodes.
    """

    def __init__(self) -> None:
        self.running: dict[str, str] = {}
        self.runs: dict[str, PlannedRun] = {}
        self.names: Mapping[str, str] = {}  # of cells, by id
        self.pace = Pace()
        self._handlers: Mapping[int, Any] = {}
        self._is_stopping = False

    def __enter__(self) -> Self:
        self._handlers = {
            number: signal.signal(number, self._handle)
            for number in (signal.SIGINT, signal.SIGTERM)
            if signal.getsignal(number) != signal.SIG_IGN  # as in a script's background job
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: object) -> None:
        if number != signal.SIGINT or self._is_stopping or not self.running:
            raise KeyboardInterrupt
        self._is_stopping = True
        self.show_stopping()

    @abstractmethod
    def show_stopping(self) -> None:
        """Print what the first Ctrl-C does."""

    def is_stopping(self) -> bool:
        """Return whether no further run may start."""
        return self._is_stopping

    def planned(self, plan: Plan) -> None:
        """Start to count the runs of a plan."""
        self.names = cell_names(plan)
        self.runs = {planned.run.run_id: planned for planned in plan.to_execute}
        self.pace = Pace(plan.estimate_s)

    def happened(self, event: Event) -> None:
        """Note which runs are in progress."""
        if isinstance(event, Started):
            self.running[event.run_id] = event.node
        elif isinstance(event, Lost):
            self.running.pop(event.run_id, None)

    def ended(self, planned: PlannedRun, outcome: Outcome) -> None:
        """Count a finished run."""
        self.running.pop(outcome.run_id, None)
        if outcome.run_id in self.runs:
            self.pace.advance(planned.estimate_s)

    def extended(self, added: Sequence[PlannedRun], why: str) -> None:
        """Count the runs that were added."""
        self.runs |= {planned.run.run_id: planned for planned in added}
        self.pace.estimate_s += sum(planned.estimate_s for planned in added)

    def run_name(self, planned: PlannedRun) -> str:
        """Return the name of a run with that of its cell."""
        return f"{self.names[planned.run.cell.cell_id]} · {name_runs([planned.run])}"
