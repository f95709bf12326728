"""A session of `bench run`: executes a plan, and keeps the results folder up to date."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bench.analysis.derived_tables import DerivedTables, write_derived_tables
from bench.data.availability import Provision
from bench.errors import DataError
from bench.execute.executor import Event, Executor, Printed, RunContext, Started
from bench.measure.machine import commit_here
from bench.planning import Plan, PlannedRun, Request, parts_of
from bench.records import BlockRow, Outcome, Status
from bench.store import Store, StoredOutcomes, write_atomic
from bench.study.runs import Run
from bench.study.spec import Cell
from bench.study.timing_sets import SetPart, set_runs, sets_wanted
from bench.study.yaml_source import write_yaml

if TYPE_CHECKING:
    from bench.analysis.live_noise import LiveNoise
    from bench.analysis.results import Results
    from bench.analysis.time_comparisons import Noise


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
        """Show that timing sets or trials were added, and why."""

    def detecting(self, noise: "Noise") -> None:
        """Show what the timing sets so far can detect, whatever the cells' times are."""


class Session:
    """One `bench run`: executes a plan and keeps the results folder up to date."""

    def __init__(
        self, plan: Plan, store: Store, request: Request, reporter: Reporter, executor: Executor
    ) -> None:
        self.plan = plan
        self._store = store
        machine = plan.resources.machine.fingerprint()["machine"]
        self._run_context = RunContext(
            request.data_dir, request.verbose, machine=machine, data_dirs=plan.data_dirs
        )
        self._reporter = reporter
        self._executor = executor
        self._ended = {p.run.run_id: p.outcome for p in plan.runs if p.outcome is not None}
        self._environment = _Environment(plan, store, request)
        self._derived = DerivedTables(store.folder)
        self._results: Results | None = None
        self._are_tables_current = False
        self._noise: LiveNoise | None = None

    @contextmanager
    def writing_tables(self) -> Iterator[None]:
        """Write the tables of all that has ended, whatever interrupts the block."""
        self._environment.write()
        self._write_tables()  # without rows that no longer count
        try:
            yield
        finally:
            self._write_tables()
            self._keep_pictures()
            self._environment.write(finished_at=_now())

    def _write_tables(self) -> None:
        self._store.write_tables(self._outcomes())
        self._are_tables_current = True

    def execute_plan(self) -> None:
        """Execute what the plan lacks, and store why runs are skipped."""
        for planned in self.plan.uncached:
            if planned.state == "skipped":
                skipped = planned.run.ended("skipped", planned.reason, 0.0)
                self._keep(planned, replace(skipped, started_at=_now()))
        self.execute(self.plan.to_execute)

    def tune(self) -> None:
        """Execute the tuning trials; the tables stay as they were."""
        self._environment.write()
        try:
            self.execute(self.plan.to_execute)
        finally:
            self._environment.write(finished_at=_now())

    def statuses(self) -> Mapping[Status, int]:
        """Count the runs by how they ended."""
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
        if self._results is None:
            self._results = self._new_results()
            write_derived_tables(self._results, self._store.folder)
        return self._results

    def _new_results(self) -> "Results":
        """Return the results of the tables, or of the outcomes where these were added to."""
        from bench.analysis.results import common_names, make_results, read_results

        folder, tuned = self._store.folder, self.plan.study.tuned
        names = {p.used: p.location.class_names for p in self.plan.provisions}
        if not self._are_tables_current:
            return make_results(self._outcomes(), folder, tuned, names)
        read = read_results(folder, recompute=True)
        known = () if read.tuning.empty else tuned
        return replace(read, tuned=known, class_names=common_names(names), pictures={})

    def _keep_pictures(self) -> None:
        """Store the pixels of the test images that the report shows, if the data set is here."""
        from bench.analysis.pictured_images import FILE, pictures_of, write_pictures

        results = self.results()
        if not results.picture_rows:
            return
        with suppress(DataError):  # it may be on the machines of a cluster only
            dataset = self.plan.cells[0].dataset
            folders, data_dir = self._run_context.data_dirs, self._run_context.data_dir
            images = dataset.source().read(folders.get(dataset.label, data_dir)).test_images
            pictures = pictures_of(results.picture_rows, images)
            write_pictures(pictures, self._store.folder / FILE)
            self._results = replace(results, pictures=pictures)

    def _outcomes(self) -> StoredOutcomes:
        ids = (planned.run.run_id for planned in self.plan.runs)
        return self._store.outcomes([i for i in ids if i in self._ended])

    def execute(self, planned_runs: Sequence[PlannedRun]) -> None:
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
        self.plan = self.plan.without(lost)
        runs = self.missing_runs(self.wanted(), look=max(planned.run.look for planned in lost))
        if runs:
            self.add(runs, "their machine was lost")

    def wanted(self) -> int:
        """Return how many timing sets the study asks for."""
        return sets_wanted(self.plan.study, self.plan.cells, self.timed_parts())

    def missing_runs(
        self, wanted: int, cells: Sequence[Cell] | None = None, look: int = 0
    ) -> list[Run]:
        """Return the runs of the timing sets that these cells, or all, lack."""
        plan, done, most = self.plan, self.timed_parts(), self.plan.most_cells
        return set_runs(plan.study, cells or plan.cells, done, plan.all_blocks, wanted, look, most)

    def _keep(self, planned: PlannedRun, outcome: Outcome) -> None:
        outcome = outcome.with_key(planned.key)
        self._store.save(outcome)
        self._ended[planned.run.run_id] = outcome.summary()
        self._results, self._are_tables_current = None, False
        if not self.plan.is_tuning:  # during tuning the tables stay as they were
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
            cached = [p.run.run_id for p in self.plan.runs if p.outcome and p.run.kind == "block"]
            for earlier in self._store.outcomes(cached):
                self._noise.added(earlier)
        if (noise := self._noise.added(outcome)) is not None:
            self._reporter.detecting(noise)

    def add(self, runs: Sequence[Run], why: str) -> None:
        """Execute runs that the plan did not have, of cells that it has; show why."""
        before = len(self.plan.runs)
        self.plan = self.plan.with_runs(runs)
        added = self.plan.runs[before:]
        self._reporter.extended(added, why)
        self.execute(added)

    def status_of(self, run: Run) -> Status | None:
        """Return how a run ended; None for one that was lost with its machine."""
        outcome = self._ended.get(run.run_id)
        return None if outcome is None else outcome.status

    def trial_walls_s(self) -> dict[str, float]:
        """Return the longest duration of a finished trial by cell, in seconds."""
        walls_s: dict[str, float] = {}
        for outcome in self._ended.values():
            if outcome.kind == "trial" and outcome.status == "ok":
                known_s = walls_s.get(outcome.cell_id, 0.0)
                walls_s[outcome.cell_id] = max(known_s, outcome.wall_s)
        return walls_s

    def timed_parts(self) -> dict[SetPart, BlockRow]:
        """Return the parts of timing sets that ended ok."""
        return dict(parts_of(self._ended.values()))


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
            "data": _described(next((p for p in provisions if p.why), provisions[0])),
            "datasets": {p.used: p.location.digest for p in provisions if p.location.digest},
            "class_names": {p.used: list(p.location.class_names) for p in provisions},
            "started_at": self._started_at,
            "finished_at": finished_at,
            "commit": self._commit,
            "command": self._command,
        }
        write_atomic(path, json.dumps(environment, indent=1, ensure_ascii=False) + "\n")


def _described(provision: Provision) -> dict[str, str | None]:
    return {
        "requested": provision.requested,
        "used": provision.used,
        "why": provision.why,
        "digest": provision.location.digest,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
