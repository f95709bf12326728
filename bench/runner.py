"""`bench run` as a list of stages: load, plan, check, tune, execute, report."""

import json
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench.analysis.derived_tables import DerivedTables, write_derived_tables
from bench.errors import StudyError
from bench.execute.executor import Event, Executor, Printed, RunContext, Started
from bench.measure.machine import commit_here
from bench.planning import Narrowing, Plan, PlannedRun, Request, make_plan
from bench.records import BlockRow, Outcome, Status
from bench.store import Store, StoredOutcomes, write_atomic
from bench.study.runs import Run
from bench.study.study_file import load_study
from bench.study.timing_blocks import (
    BlockPart,
    block_runs,
    extra_runs,
    replacement_runs,
    timed_cells,
)
from bench.study.yaml_source import write_yaml

if TYPE_CHECKING:
    from bench.analysis.results import Results


@dataclass(frozen=True)
class Narrowed:
    """What `--until-ci` added: blocks, their runs and seconds; and the cells still too wide."""

    blocks: int
    runs: int
    spent_s: float
    still_wide: int


@dataclass(frozen=True)
class FinishedStudy:
    """A study that was run: its results, where they are, and how the runs ended."""

    folder: Path
    results: "Results"
    report: Path | None
    statuses: Mapping[Status, int] = field(default_factory=dict)
    narrowed: Narrowed | None = None
    has_failed: bool = False


class Reporter:
    """Shows the progress of a study; this one shows nothing."""

    def downloading(self, what: str, done: int, total: int) -> None:
        """Show the progress of fetching or generating a data set."""

    def planned(self, plan: Plan) -> None:
        """Show the plan before the first run."""

    def happened(self, event: Event) -> None:
        """Show the start or progress of a run."""

    def ended(self, planned: PlannedRun, outcome: Outcome) -> None:
        """Show a run's stored outcome."""

    def is_stopping(self) -> bool:
        """Return whether no further run may start."""
        return False

    def extended(self, added: Sequence[PlannedRun], why: str) -> None:
        """Show that a timing block was added, of cells that `why` describes."""


def run_study(request: Request, reporter: Reporter, executor: Executor) -> FinishedStudy:
    """Run and store what a study lacks; raise KeyboardInterrupt once the reporter is stopping."""
    study = load_study(request.study, request.overrides)
    store = Store(request.results / study.name)
    with store.locked():
        store.check_tables()
        progress, resources_for = reporter.downloading, executor.resources
        plan = make_plan(study, request, progress, resources_for=resources_for)
        reporter.planned(plan)
        _check_models(plan, executor)
        if request.fresh:
            store.set_aside()
        if plan.is_tuning:
            _Session(plan, store, request, reporter, executor).tune()
            request = replace(request, fresh=False)
            plan = make_plan(study, request, resources_for=resources_for, after_tuning=True)
            reporter.planned(plan)
        session = _Session(plan, store, request, reporter, executor)
        narrowed = session.execute()
        report = None
        if request.report:
            from bench.reporting.render import render  # imports drawing libraries

            report = render(store.folder, request.reports / study.name, results=session.results())
        statuses, has_failed = session.statuses(), session.has_failed()
        results = session.results()
        return FinishedStudy(store.folder, results, report, statuses, narrowed, has_failed)


def _check_models(plan: Plan, executor: Executor) -> None:
    """Build every network that will be trained, before the first run starts."""
    cells = list({p.run.cell.cell_id: p.run.cell for p in plan.to_execute}.values())
    if problems := executor.check(cells) if cells else []:
        raise StudyError("\n".join(problems), where=plan.study.source.name)


class _Session:
    """One `bench run`: executes a plan and keeps the results folder up to date."""

    def __init__(
        self, plan: Plan, store: Store, request: Request, reporter: Reporter, executor: Executor
    ) -> None:
        self._plan = plan
        self._store = store
        self._narrowing = request.narrowing
        machine = plan.resources.machine.fingerprint()["machine"]
        self._run_context = RunContext(request.data_dir, request.verbose, machine=machine)
        self._reporter = reporter
        self._executor = executor
        self._ended = {p.run.run_id: p.outcome for p in plan.runs if p.outcome is not None}
        self._environment = _Environment(plan, store, request)
        self._derived = DerivedTables(store.folder)
        self._results: Results | None = None

    def execute(self) -> Narrowed | None:
        """Execute the plan; whatever interrupts it, the tables hold all that has ended."""
        self._environment.write()
        self._store.write_tables(self._outcomes())  # without rows that no longer count
        try:
            for planned in self._plan.uncached:
                if planned.state == "skipped":
                    skipped = planned.run.ended("skipped", planned.reason, 0.0)
                    self._keep(planned, replace(skipped, started_at=_now()))
            self._execute(self._plan.to_execute)
            self._replace_disturbed()
            return None if self._narrowing is None else self._narrow(self._narrowing)
        finally:
            self._store.write_tables(self._outcomes())
            self.results()
            self._environment.write(finished_at=_now())

    def tune(self) -> None:
        self._environment.write()
        try:
            self._execute(self._plan.to_execute)
        finally:
            self._environment.write(finished_at=_now())

    def statuses(self) -> Mapping[Status, int]:
        return Counter(outcome.status for outcome in self._ended.values())

    def has_failed(self) -> bool:
        """Return whether any run ended neither ok nor skipped; tuning trials may diverge."""
        return any(
            outcome.status not in ("ok", "skipped")
            and (outcome.kind, outcome.status) != ("tuning", "diverged")
            for outcome in self._ended.values()
        )

    def results(self) -> "Results":
        """Return the results of all that has ended; new ones are written to the derived tables."""
        from bench.analysis.results import make_results  # imports pandas

        if self._results is None:
            folder, tuned = self._store.folder, self._plan.study.tuned
            self._results = make_results(self._outcomes(), folder, tuned)
            write_derived_tables(self._results, folder)
        return self._results

    def _outcomes(self) -> StoredOutcomes:
        ids = (planned.run.run_id for planned in self._plan.runs)
        return self._store.outcomes([i for i in ids if i in self._ended])

    def _execute(self, planned_runs: Sequence[PlannedRun]) -> None:
        """Execute runs; raise KeyboardInterrupt once the reporter is stopping."""
        by_id = {planned.run.run_id: planned for planned in planned_runs}
        runs = [planned.run for planned in planned_runs]
        is_stopping = self._reporter.is_stopping
        outcomes = self._executor.execute(runs, self._run_context, self._on_event, is_stopping)
        with closing(outcomes):
            for outcome in outcomes:
                self._keep(by_id[outcome.run_id], outcome)
        if is_stopping():
            raise KeyboardInterrupt
        if lost := [planned for run_id, planned in by_id.items() if run_id not in self._ended]:
            self._repeat_lost(lost)

    def _on_event(self, event: Event) -> None:
        """Pass an event on; what a network prints goes into the log of its run."""
        log = self._store.folder / "logs" / f"{event.run_id}.log"
        match event:
            case Started():
                log.unlink(missing_ok=True)
            case Printed():
                write_atomic(log, event.text)
                event = replace(event, log=log)
        self._reporter.happened(event)

    def _repeat_lost(self, lost: Sequence[PlannedRun]) -> None:
        """Time in new blocks what the loss of a node left missing."""
        extra = [planned.run.cell for planned in lost if planned.run.role == "extra"]
        self._plan = self._plan.without(lost)
        study, cells = self._plan.study, self._plan.cells
        if extra:
            runs = extra_runs(study, extra, self._plan.next_block)
        else:
            runs = block_runs(study, cells, list(self._timed_parts()), self._plan.all_blocks)
        if runs:
            self._add(runs, "whose machine was lost")

    def _keep(self, planned: PlannedRun, outcome: Outcome) -> None:
        outcome = replace(outcome, key={**outcome.key, **planned.key})
        self._store.save(outcome)
        self._ended[planned.run.run_id] = outcome.summary()
        self._results = None
        if not self._plan.is_tuning:  # during tuning the tables stay as they were
            self._store.append(outcome, self._store.outcomes(self._ended))
            self._derived.refresh()
        self._reporter.ended(planned, outcome)

    def _add(self, runs: Sequence[Run], why: str) -> None:
        before = len(self._plan.runs)
        self._plan = self._plan.with_blocks(runs)
        added = self._plan.runs[before:]
        self._reporter.extended(added, why)
        self._execute(added)

    def _replace_disturbed(self) -> None:
        """Time cells with disturbed blocks again, unless most blocks of this session were."""
        timing = self._plan.study.timing
        for _ in range(timing.spares if timing else 0):
            if not (runs := self._replacements()):
                return
            self._add(runs, "timed while the machine was disturbed")

    def _replacements(self) -> list[Run]:
        from bench.analysis.disturbances import disturbance

        parts = {part: disturbance(asdict(row)) for part, row in self._timed_parts().items()}
        runs = [planned.run for planned in self._plan.to_execute if planned.run.kind == "block"]
        own = {BlockPart(run.cell.cell_id, run.role, run.block) for run in runs}
        reasons = [reason for part, reason in parts.items() if part in own]
        if not reasons or 2 * sum(map(bool, reasons)) > len(reasons):
            return []
        clean = [part for part, reason in parts.items() if not reason]
        plan = self._plan
        return replacement_runs(plan.study, plan.cells, list(parts), clean, plan.next_block)

    def _timed_parts(self) -> dict[BlockPart, BlockRow]:
        return {
            BlockPart(outcome.cell_id, outcome.block.role, outcome.block.block): outcome.block
            for outcome in self._ended.values()
            if outcome.block is not None and outcome.status == "ok"
        }

    def _narrow(self, narrowing: Narrowing) -> Narrowed:
        """Time wide cells again, widest first, until the budget ends or a run fails."""
        from bench.analysis.summary import wide_cells

        started_s = time.monotonic()
        blocks = runs = 0
        while True:
            wide = wide_cells(self.results().summary, narrowing.half_width)
            spent_s = time.monotonic() - started_s
            chosen = self._affordable(wide, narrowing.budget_s - spent_s)
            if not chosen:
                return Narrowed(blocks, runs, spent_s, len(wide))
            study, timed = self._plan.study, timed_cells(self._plan.study, self._plan.cells)
            cells = [cell for cell in timed if cell.cell_id in chosen]
            added = extra_runs(study, cells, self._plan.next_block)
            self._add(added, "with a wide interval")
            blocks, runs = blocks + 1, runs + len(added)
            ended = (self._ended.get(run.run_id) for run in added)  # a lost one has a new id
            if any(outcome is not None and outcome.status != "ok" for outcome in ended):
                return Narrowed(blocks, runs, time.monotonic() - started_s, len(wide))

    def _affordable(self, cell_ids: Sequence[str], left_s: float) -> list[str]:
        """Return the first cells whose next timing blocks fit into the remaining time."""
        chosen: list[str] = []
        for cell_id in cell_ids:
            left_s -= statistics.median(
                outcome.wall_s
                for outcome in self._ended.values()
                if outcome.cell_id == cell_id and outcome.kind == "block"
            )
            if left_s < 0:
                break
            chosen.append(cell_id)
        return chosen


class _Environment:
    """study.yaml and environment.json: what was requested, where and when it was measured."""

    def __init__(self, plan: Plan, store: Store, request: Request) -> None:
        self._plan = plan
        self._folder = store.folder
        self._command = request.command
        self._started_at = _now()
        self._commit = commit_here()  # the one that runs, whatever is checked out meanwhile

    def write(self, finished_at: str = "") -> None:
        """Write both files; a run that measures nothing keeps the former environment.json."""
        write_atomic(self._folder / "study.yaml", write_yaml(self._plan.study.as_written()))
        path = self._folder / "environment.json"
        if path.is_file() and not self._plan.to_execute:
            return
        provisions = self._plan.provisions
        environment = {
            **self._plan.resources.describe(),
            "data": asdict(next((p for p in provisions if p.why), provisions[0])),
            "datasets": {p.used: p.digest for p in provisions if p.digest is not None},
            "started_at": self._started_at,
            "finished_at": finished_at,
            "commit": self._commit,
            "command": self._command,
        }
        write_atomic(path, json.dumps(environment, indent=1, ensure_ascii=False) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
