"""`bench run` and `bench plan` as a list of stages: load, provide, plan, check, execute, store."""

import json
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from bench.derived import Derived
from bench.errors import StudyError
from bench.execute.executor import Event, Executor, Printed, RunContext, Started
from bench.measure.machine import commit_here
from bench.planning import Agenda, Narrowing, Request, Task, draw_up
from bench.records import BlockRow, Outcome, Status
from bench.store import Store, write_atomic
from bench.study.runs import Run
from bench.study.study_file import load_study
from bench.study.timing_blocks import Timed, block_runs, extra_runs, replacement_runs
from bench.study.yaml_source import write_yaml


@dataclass(frozen=True)
class Narrowed:
    """What `--until-ci` spent: blocks, the runs in them, seconds; and the cells still too wide."""

    blocks: int
    runs: int
    spent_s: float
    still_wide: int


@dataclass(frozen=True)
class Finished:
    """What `bench run` gave."""

    results: Path
    report: Path | None
    statuses: Mapping[Status, int] = field(default_factory=dict)
    narrowed: Narrowed | None = None
    has_failed: bool = False


class Reporter(Protocol):
    """Who is told how a study goes on."""

    def downloading(self, what: str, done: int, total: int) -> None:
        """Show how far the fetching or making of a data set is."""

    def planned(self, agenda: Agenda) -> None:
        """Show what will run; nothing has yet."""

    def happened(self, event: Event) -> None:
        """Show that a run began or went on."""

    def ended(self, task: Task, outcome: Outcome) -> None:
        """Show a run's outcome, which is stored by now."""

    def is_stopping(self) -> bool:
        """Tell whether no further run shall begin."""

    def extended(self, tasks: Sequence[Task], why: str) -> None:
        """Show that a timing block is added, of cells that are as `why` says."""


def run_study(request: Request, reporter: Reporter, executor: Executor) -> Finished:
    """Run what a study asks for and is not there yet; store each outcome as it comes.

    Raises KeyboardInterrupt once the reporter is stopping; what has ended by then is stored.
    """
    study, _ = load_study(request.study, request.overrides)
    store = Store(request.results / study.name)
    with store.held():
        return _run(store, request, reporter, executor)


def _run(store: Store, request: Request, reporter: Reporter, executor: Executor) -> Finished:
    agenda = draw_up(request, progress=reporter.downloading, where=executor.site)
    reporter.planned(agenda)
    _check(agenda, executor, request)
    if request.fresh:
        store.set_aside()
    if agenda.is_open:
        _Session(agenda, store, request, reporter, executor).tune()
        agenda = draw_up(replace(request, fresh=False), where=executor.site, decide=True)
        reporter.planned(agenda)
    session = _Session(agenda, store, request, reporter, executor)
    narrowed = session.carry_out()
    report = _render(store, request) if request.report else None
    return Finished(store.folder, report, session.statuses(), narrowed, session.has_failed())


def _check(agenda: Agenda, executor: Executor, request: Request) -> None:
    """Build every network that is to be trained before the first run starts."""
    cells = list({t.run.planned.cell_id: t.run.planned for t in agenda.to_measure}.values())
    problems = executor.check(cells) if cells else []
    if problems:
        raise StudyError("\n".join(problems), where=str(request.study))


class _Session:
    """One `bench run`: executes an agenda and keeps the results folder true to what has ended."""

    def __init__(
        self, agenda: Agenda, store: Store, request: Request, reporter: Reporter, executor: Executor
    ) -> None:
        self._agenda = agenda
        self._store = store
        self._narrowing = request.narrowing
        machine = agenda.site.machine.fingerprint()["machine"]
        self._run_context = RunContext(request.data_dir, request.verbose, machine=machine)
        self._reporter = reporter
        self._executor = executor
        self._ended = {t.run.run_id: t.known for t in agenda.tasks if t.known is not None}
        self._conditions = _Conditions(agenda, store, request)
        self._derived = Derived(store)

    def carry_out(self) -> Narrowed | None:
        """Execute all there is to do; whatever interrupts it, what has ended is in the tables."""
        self._conditions.write()
        self._write_tables()  # rows that no longer count must not be there
        try:
            for task in self._agenda.to_do:
                if task.state == "skipped":
                    skipped = task.run.ended("skipped", task.why, 0.0)
                    self._keep(task, replace(skipped, started_at=_now()))
            self._execute(self._agenda.to_measure)
            self._replace_disturbed()
            return None if self._narrowing is None else self._narrow(self._narrowing)
        finally:
            self._write_tables()
            self._derived.write()
            self._conditions.write(finished_at=_now())

    def tune(self) -> None:
        """Try all that tuning chooses among; whatever interrupts it, what has ended is kept."""
        self._conditions.write()
        try:
            self._execute(self._agenda.to_measure)
        finally:
            self._conditions.write(finished_at=_now())

    def statuses(self) -> Mapping[Status, int]:
        """Count the runs by how they ended."""
        return Counter(brief.status for brief in self._ended.values())

    def has_failed(self) -> bool:
        """Tell whether any run ended otherwise than ok or skipped for a stated reason.

        A candidate that diverges while tuning tries it is an answer, not a failure.
        """
        return any(
            brief.status not in ("ok", "skipped")
            and (brief.kind, brief.status) != ("tuning", "diverged")
            for brief in self._ended.values()
        )

    def _write_tables(self) -> None:
        """Write the tables anew, in the order of the agenda."""
        ids = (task.run.run_id for task in self._agenda.tasks)
        self._store.write_tables(self._store.outcomes([i for i in ids if i in self._ended]))

    def _execute(self, tasks: Sequence[Task]) -> None:
        """Execute tasks; raise KeyboardInterrupt once the reporter is stopping."""
        by_id = {task.run.run_id: task for task in tasks}
        reporter = self._reporter
        outcomes = self._executor.execute(
            [task.run for task in tasks], self._run_context, self._happened, reporter.is_stopping
        )
        with closing(outcomes):
            for outcome in outcomes:
                self._keep(by_id[outcome.run_id], outcome)
        if reporter.is_stopping():
            raise KeyboardInterrupt
        lost = [task for run_id, task in by_id.items() if run_id not in self._ended]
        if lost:
            self._begin_again(lost)

    def _happened(self, event: Event) -> None:
        """Keep what a network prints in the log of its run, in place of an earlier one."""
        log = self._store.folder / "logs" / f"{event.run_id}.log"
        match event:
            case Started():
                log.unlink(missing_ok=True)
            case Printed():
                write_atomic(log, event.text)
                event = replace(event, log=log)
        self._reporter.happened(event)

    def _begin_again(self, lost: Sequence[Task]) -> None:
        """Time what a lost node leaves missing of a block in another one, of another number."""
        extra = [task.run for task in lost if task.run.role == "extra"]
        self._agenda = self._agenda.without(lost)
        if extra:
            cells = [run.planned for run in extra]
            runs = extra_runs(self._agenda.plan, cells, self._agenda.next_block)
        else:
            runs = block_runs(self._agenda.plan, list(self._timed()), self._agenda.all_blocks)
        if runs:
            self._add(runs, "whose machine was lost")

    def _keep(self, task: Task, outcome: Outcome) -> None:
        keyed = replace(outcome, key={**outcome.key, **task.key})
        self._store.save(keyed)
        self._ended[task.run.run_id] = keyed.brief()
        if not self._agenda.is_open:  # while tuning goes on, the tables stay as they were
            self._store.append(keyed, self._store.outcomes(self._ended))
            self._derived.refresh()
        self._reporter.ended(task, keyed)

    def _add(self, runs: Sequence[Run], why: str) -> None:
        """Execute timing blocks that were not on the agenda."""
        before = len(self._agenda.tasks)
        self._agenda = self._agenda.with_blocks(runs)
        added = self._agenda.tasks[before:]
        self._reporter.extended(added, why)
        self._execute(added)

    def _replace_disturbed(self) -> None:
        """Time the cells again in whose blocks the machine was disturbed, whatever they gave.

        Not where that was so in most blocks: then it is no accident.
        """
        timing = self._agenda.plan.study.timing
        for _ in range(timing.spares if timing else 0):
            runs = self._replacements()
            if not runs:
                return
            self._add(runs, "timed while the machine was disturbed")

    def _replacements(self) -> list[Run]:
        from bench.analysis.disturbances import disturbance

        blocks = {timed: disturbance(asdict(row)) for timed, row in self._timed().items()}
        runs = [task.run for task in self._agenda.to_measure if task.run.kind == "block"]
        mine = {Timed(run.planned.cell_id, run.role, run.block) for run in runs}
        now = [why for timed, why in blocks.items() if timed in mine]
        if not now or 2 * sum(map(bool, now)) > len(now):
            return []
        clean = [timed for timed, why in blocks.items() if not why]
        return replacement_runs(self._agenda.plan, list(blocks), clean, self._agenda.next_block)

    def _timed(self) -> dict[Timed, BlockRow]:
        """List the parts of timing blocks that ended well."""
        return {
            Timed(brief.cell_id, brief.block.role, brief.block.block): brief.block
            for brief in self._ended.values()
            if brief.block is not None and brief.status == "ok"
        }

    def _narrow(self, narrowing: Narrowing) -> Narrowed:
        """Time the cells with wide intervals again, all of them side by side, while time is left.

        Of cells that don't all fit into the time, the widest come first. A run that fails
        ends it.
        """
        from bench.analysis.summary import wide_cells

        started_s = time.monotonic()
        blocks = runs = 0
        while True:
            wide = wide_cells(self._derived.write().summary, narrowing.half_width)
            spent_s = time.monotonic() - started_s
            cells = self._affordable(wide, narrowing.budget_s - spent_s)
            if not cells:
                return Narrowed(blocks, runs, spent_s, len(wide))
            plan, number = self._agenda.plan, self._agenda.next_block
            added = extra_runs(plan, [c for c in plan.timed if c.cell_id in cells], number)
            self._add(added, "with a wide interval")
            blocks, runs = blocks + 1, runs + len(added)
            ended = (self._ended.get(run.run_id) for run in added)  # a lost one has another id
            if any(brief is not None and brief.status != "ok" for brief in ended):
                spent_s = time.monotonic() - started_s
                return Narrowed(blocks, runs, spent_s, len(wide))

    def _affordable(self, cell_ids: Sequence[str], left_s: float) -> list[str]:
        """Keep the first cells whose next timing blocks fit into the time that is left."""
        chosen: list[str] = []
        for cell_id in cell_ids:
            walls = [
                brief.wall_s
                for brief in self._ended.values()
                if brief.cell_id == cell_id and brief.kind == "block"
            ]
            left_s -= statistics.median(walls)
            if left_s < 0:
                break
            chosen.append(cell_id)
        return chosen


class _Conditions:
    """study.yaml and environment.json: what was asked for, and where and when it was measured."""

    def __init__(self, agenda: Agenda, store: Store, request: Request) -> None:
        self._agenda = agenda
        self._folder = store.folder
        self._command = request.command
        self._started_at = _now()
        self._commit = commit_here()  # the one that runs, whatever is checked out meanwhile

    def write(self, finished_at: str = "") -> None:
        """Write both; a run that measures nothing leaves the conditions of the one that did."""
        resolved = self._agenda.plan.resolved()
        write_atomic(self._folder / "study.yaml", write_yaml(resolved))
        path = self._folder / "environment.json"
        if path.is_file() and not self._agenda.to_measure:
            return
        provisions = self._agenda.provisions
        environment = {
            **self._agenda.site.describe(),
            "data": asdict(next((p for p in provisions if p.why), provisions[0])),
            "datasets": {p.used: p.digest for p in provisions if p.digest is not None},
            "started_at": self._started_at,
            "finished_at": finished_at,
            "commit": self._commit,
            "command": self._command,
        }
        write_atomic(path, json.dumps(environment, indent=1, ensure_ascii=False) + "\n")


def _render(store: Store, request: Request) -> Path:
    from bench.reporting.render import render  # drawing libraries load only when they draw

    return render(store.folder, request.reports / store.folder.name)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
