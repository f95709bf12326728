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
from bench.planning import Narrowing, Plan, PlannedRun, Request, make_plan, parts_of
from bench.records import BlockRow, Outcome, Status
from bench.store import Store, StoredOutcomes, write_atomic
from bench.study.runs import Run
from bench.study.spec import MIN_SETS, Cell
from bench.study.study_file import load_study
from bench.study.timing_sets import (
    SetPart,
    replacement_runs,
    set_counts,
    set_runs,
    sets_wanted,
    timed_cells,
)
from bench.study.yaml_source import write_yaml

if TYPE_CHECKING:
    from bench.analysis.comparisons import Noise
    from bench.analysis.live_noise import LiveNoise
    from bench.analysis.results import Results


@dataclass(frozen=True)
class Narrowed:
    """What `--until-ci` or `--budget` added: sets and seconds.

    `still_wide` counts the cells whose interval is wider than requested; None without a request.
    """

    sets: int
    spent_s: float
    still_wide: int | None


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
        """Show that timing sets were added, and why."""

    def detecting(self, noise: "Noise") -> None:
        """Show what the timing sets so far can detect, whatever the cells' times are."""


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
        self._first_look = request.first_look
        machine = plan.resources.machine.fingerprint()["machine"]
        self._run_context = RunContext(request.data_dir, request.verbose, machine=machine)
        self._reporter = reporter
        self._executor = executor
        self._ended = {p.run.run_id: p.outcome for p in plan.runs if p.outcome is not None}
        self._environment = _Environment(plan, store, request)
        self._derived = DerivedTables(store.folder)
        self._results: Results | None = None
        self._noise: LiveNoise | None = None

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
            self._fill_budget()
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
        """Time in new sets what the loss of a node left missing."""
        self._plan = self._plan.without(lost)
        runs = self._missing_runs(self._wanted(), look=max(planned.run.look for planned in lost))
        if runs:
            self._add(runs, "whose machine was lost")

    def _fill_budget(self) -> None:
        """Time as many sets as the budget allows, which the first six tell; not what failed."""
        timing = self._plan.study.timing
        if timing is None or timing.sets is not None or not self._plan.to_execute:
            return
        wanted = self._wanted()
        if wanted > MIN_SETS and (runs := self._missing_runs(wanted, look=self._first_look)):
            self._add(runs, "within timing.budget")

    def _wanted(self) -> int:
        return sets_wanted(self._plan.study, self._plan.cells, self._timed_parts())

    def _missing_runs(
        self, wanted: int, cells: Sequence[Cell] | None = None, look: int = 0
    ) -> list[Run]:
        plan, done, most = self._plan, self._timed_parts(), self._plan.most_cells
        return set_runs(plan.study, cells or plan.cells, done, plan.all_blocks, wanted, look, most)

    def _keep(self, planned: PlannedRun, outcome: Outcome) -> None:
        outcome = replace(outcome, key={**outcome.key, **planned.key})
        self._store.save(outcome)
        self._ended[planned.run.run_id] = outcome.summary()
        self._results = None
        if not self._plan.is_tuning:  # during tuning the tables stay as they were
            self._store.append(outcome, self._store.outcomes(self._ended))
            self._derived.refresh()
        self._show_noise(outcome)  # first, so that the progress line after the last set has it
        self._reporter.ended(planned, outcome)

    def _show_noise(self, outcome: Outcome) -> None:
        from bench.analysis.live_noise import LiveNoise

        if outcome.block is None:
            return
        if self._noise is None:
            self._noise = LiveNoise()
            cached = [p.run.run_id for p in self._plan.runs if p.outcome and p.run.kind == "block"]
            for earlier in self._store.outcomes(cached):
                self._noise.added(earlier)
        if (noise := self._noise.added(outcome)) is not None:
            self._reporter.detecting(noise)

    def _add(self, runs: Sequence[Run], why: str) -> None:
        before = len(self._plan.runs)
        self._plan = self._plan.with_sets(runs)
        added = self._plan.runs[before:]
        self._reporter.extended(added, why)
        self._execute(added)

    def _replace_disturbed(self) -> None:
        """Time cells with disturbed sets again, unless most sets of this session were."""
        timing = self._plan.study.timing
        for _ in range(timing.spares if timing else 0):
            if not (runs := self._replacements()):
                return
            self._add(runs, "timed while the machine was disturbed")

    def _replacements(self) -> list[Run]:
        from bench.analysis.disturbances import disturbance

        parts = {part: disturbance(asdict(row)) for part, row in self._timed_parts().items()}
        plan = self._plan
        runs = [planned.run for planned in plan.runs if planned.outcome is None]
        own = {
            SetPart(run.cell.cell_id, run.role, run.block) for run in runs if run.kind == "block"
        }
        reasons = [reason for part, reason in parts.items() if part in own]
        if not reasons or 2 * sum(map(bool, reasons)) > len(reasons):
            return []
        clean = [part for part, reason in parts.items() if not reason]
        number, wanted, most = plan.next_block, self._wanted(), plan.most_cells
        return replacement_runs(plan.study, plan.cells, parts, clean, number, wanted, most)

    def _timed_parts(self) -> dict[SetPart, BlockRow]:
        return dict(parts_of(self._ended.values()))

    def _narrow(self, narrowing: Narrowing) -> Narrowed:
        """Add timing sets until the budget ends or, with a width, every interval is narrow.

        With a width, sets are added from look to look, since it depends on the numbers whether
        more are added: `bench.stats.stopping` keeps the level of the intervals.
        """
        from bench.stats.stopping import next_look  # imports scipy

        started_s = time.monotonic()
        timed = timed_cells(self._plan.study, self._plan.cells)
        before = self._plan.all_blocks
        looks = [row.look or 1 for row in self._timed_parts().values()]
        look = 1 + max(looks, default=1)
        while True:
            spent_s = time.monotonic() - started_s
            wide = self._wide_cells(timed, narrowing.half_width)
            # Every set has the baseline in it.
            others = [cell for cell in wide if cell is not timed[0]]
            cells = [timed[0], *others] if wide else []
            wanted = self._affordable(cells, narrowing.budget_s - spent_s)
            if narrowing.half_width:
                wanted = min(wanted, next_look(min(self._counts(cells), default=0)))
            runs = self._missing_runs(wanted, cells, look if narrowing.half_width else 0)
            if not runs:
                break
            self._add(runs, "whose interval is wide" if narrowing.half_width else "within --budget")
            look += 1
            ended = (self._ended.get(run.run_id) for run in runs)  # a lost one has a new id
            if any(outcome is not None and outcome.status != "ok" for outcome in ended):
                break
        still_wide = len(wide) if narrowing.half_width else None
        added, spent_s = len(self._plan.all_blocks - before), time.monotonic() - started_s
        return Narrowed(added, spent_s, still_wide)

    def _wide_cells(self, timed: Sequence[Cell], half_width: float) -> list[Cell]:
        """Return the cells whose ratio of step times has a wide interval."""
        from bench.analysis.comparisons import wide_cells

        results = self.results()
        ids = set(wide_cells(results.summary, results.comparisons, half_width))
        return [cell for cell in timed if cell.cell_id in ids]

    def _counts(self, cells: Sequence[Cell]) -> list[int]:
        return list(set_counts(cells, self._timed_parts()).values()) if cells else []

    def _affordable(self, cells: Sequence[Cell], left_s: float) -> int:
        """Return how many sets each of these cells has once the remaining time is spent."""
        if not cells:
            return 0
        own = {cell.cell_id for cell in cells}
        walls_s = [row.wall_s for part, row in self._timed_parts().items() if part.cell_id in own]
        known_s = [wall_s for wall_s in walls_s if wall_s is not None]
        if not known_s:
            return 0
        set_s = (len(cells) + 1) * statistics.median(known_s)
        return min(self._counts(cells)) + max(0, int(left_s / set_s))


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
