"""Runs compared with the outcomes in a study's results folder."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.measure.resources import Resources
from bench.outcome_keys import RUN, SET_MEMBER, OutcomeKeys, changes, code_parts
from bench.records import LOCKSTEP, BlockRow, Kind, OutcomeSummary
from bench.study.run_durations import DurationEstimator
from bench.study.runs import (
    Candidates,
    Run,
    trial_run,
    tuning_runs,
)
from bench.study.spec import MIN_SETS, Cell, Study
from bench.study.timing_sets import (
    SetPart,
    cells_per_set,
    set_run,
    set_runs,
    sets_wanted,
    timed_cells,
)

State = Literal["cached", "stale", "new", "skipped"]


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run with its state, why, its estimated duration, and its outcome where it is cached."""

    run: Run
    state: State
    reason: str
    key: Mapping[str, str]
    estimate_s: float
    outcome: OutcomeSummary | None = None


def parts_of(outcomes: Iterable[OutcomeSummary]) -> Iterator[tuple[SetPart, BlockRow]]:
    """Yield the parts of timing sets among outcomes that ended ok, with their rows."""
    for outcome in outcomes:
        row = outcome.block
        if row is not None and outcome.status == "ok":
            yield SetPart(outcome.cell_id, row.role, row.block), row


def trials_at_once(resources: Resources, cell: Cell) -> int:
    """Return how many trials of a cell run at the same time."""
    return resources.trials_at_once(int(cell.threads), gpus=cell.device.startswith("cuda"))


class RunCache:
    """Compares runs with the outcomes in the results folder, and estimates what is missing."""

    def __init__(
        self,
        resources: Resources,
        known: Mapping[str, OutcomeSummary],
        digests: Mapping[str, str | None],
    ) -> None:
        self._known = known
        self._resources = resources
        self.durations = DurationEstimator(known.values(), resources.machine.cores)
        self.used_blocks = frozenset(o.block.block for o in known.values() if o.block is not None)
        self._fingerprint = resources.machine.fingerprint()
        self._digests = digests  # of the data sets' content
        self._codes: dict[tuple[frozenset[str], str], Mapping[str, str]] = {}
        self._keys: dict[tuple[str, Kind], OutcomeKeys] = {}  # by cell and kind
        self._estimates_s: dict[tuple[str, Kind], float] = {}  # likewise

    def planned(self, run: Run, after_tuning: bool = False) -> PlannedRun:
        """Return a run with its state; `after_tuning` accepts tuning trials that failed."""
        former = self._known.get(run.run_id)
        key = self._key(run)
        state, reason = _state(run, key, former, after_tuning)
        outcome = former if state == "cached" else None
        return PlannedRun(run, state, reason, key, self._estimate_s(run), outcome)

    def planned_tuning(
        self, study: Study, candidates: Candidates, after_tuning: bool
    ) -> list[PlannedRun]:
        """Return the tuning trials; those of a further round as far as the one before is there."""
        planned: dict[str, PlannedRun] = {}
        while True:
            outcomes = {run_id: p.outcome for run_id, p in planned.items() if p.outcome}
            runs = tuning_runs(study, candidates, outcomes)
            new = [run for run in runs if run.run_id not in planned]
            if not new:
                return list(planned.values())
            planned |= {run.run_id: self.planned(run, after_tuning) for run in new}

    def added_trials(self, study: Study, cells: Sequence[Cell]) -> Iterator[PlannedRun]:
        """Yield the valid trials with seeds that were added to decide accuracies."""
        by_id = {cell.cell_id: cell for cell in cells}
        for outcome in self._known.values():
            cell, seed = by_id.get(outcome.cell_id), outcome.seed
            is_added = outcome.kind == "trial" and (outcome.look or 0) > 1
            if cell is None or seed is None or not is_added or seed in study.seeds:
                continue
            planned = self.planned(trial_run(study, cell, seed, outcome.look or 0))
            if planned.state == "cached":
                yield planned

    def planned_sets(self, study: Study, cells: Sequence[Cell], look: int) -> list[PlannedRun]:
        """Return the valid timing runs, then the missing ones with why the last one lapsed."""
        former = sorted(self._former_parts(study, cells), key=lambda p: p.run.block)
        kept = [planned for planned in former if planned.state == "cached"]
        lapsed: dict[str, PlannedRun] = {}
        for planned in former:
            cell_id = planned.run.cell.cell_id
            if planned.state != "cached":
                lapsed[cell_id] = planned
            elif cell_id in lapsed and lapsed[cell_id].state == "stale":
                del lapsed[cell_id]  # a valid one has replaced it
        done = dict(parts_of(p.outcome for p in kept if p.outcome))
        wanted = sets_wanted(study, cells, done)
        most = cells_per_set(self._resources.machine.memory_bytes)
        counts = Counter(part.cell_id for part in done if part.role == "planned")
        complete = {cell_id for cell_id, count in counts.items() if count >= wanted}
        for run in set_runs(study, cells, done, self.used_blocks, wanted, look, most):
            shared = "other cells are timed beside it" if run.cell.cell_id in complete else ""
            last = lapsed.get(run.cell.cell_id)
            state, reason = (last.state, last.reason) if last else ("new", shared)
            kept.append(PlannedRun(run, state, reason, self._key(run), self._estimate_s(run)))
        return kept

    def _former_parts(self, study: Study, cells: Sequence[Cell]) -> Iterator[PlannedRun]:
        """Yield the parts of sets that were timed before; older protocols don't count."""
        timed = {cell.cell_id: cell for cell in timed_cells(study, cells)}
        for outcome in self._known.values():
            cell, row = timed.get(outcome.cell_id), outcome.block
            if cell is not None and row is not None and row.protocol == LOCKSTEP:
                yield self.planned(
                    set_run(
                        study,
                        cell,
                        row.role,
                        row.block,
                        is_detailed=row.calibration_before_s is not None,
                        look=row.look or 0,
                    )
                )

    def _estimate_s(self, run: Run) -> float:
        """Return what a run adds to the duration of the study, given what runs in parallel."""
        place = run.cell.cell_id, run.kind
        if place not in self._estimates_s:
            self._estimates_s[place] = self._new_estimate_s(run)
        return self._estimates_s[place]

    def _new_estimate_s(self, run: Run) -> float:
        at_once = len(self._resources.nodes)
        if run.timing is not None:
            at_once = min(at_once, run.timing.sets or MIN_SETS)
        elif not run.is_alone and run.cell.skip is None:
            at_once = trials_at_once(self._resources, run.cell)
        return self.durations.seconds(run) / at_once

    def _key(self, run: Run) -> dict[str, str]:
        place = run.cell.cell_id, run.kind
        if place not in self._keys:
            targets = frozenset(run.targets())
            root = SET_MEMBER if run.kind == "block" else RUN
            if (targets, root) not in self._codes:
                self._codes[targets, root] = code_parts(targets, root)
            code, digest = self._codes[targets, root], self._digests.get(run.cell.dataset.label)
            self._keys[place] = OutcomeKeys(run.cell.identity(), code, self._fingerprint, digest)
        return self._keys[place].of(run.own_configuration())


def _state(
    run: Run, key: Mapping[str, str], former: OutcomeSummary | None, after_tuning: bool
) -> tuple[State, str]:
    if run.cell.skip is not None:
        return "skipped", run.cell.skip
    if former is None:
        return "new", ""
    # Divergence is an answer to a tuning trial, not a failure.
    is_answer = former.status == "ok" or (run.kind == "tuning" and former.status == "diverged")
    if not is_answer and not after_tuning:
        return "new", f"{former.status} before"
    changed = changes(former.key, key)
    return ("stale", changed) if changed else ("cached", "")
