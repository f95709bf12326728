"""The plan of a study: its runs compared with the outcomes in its results folder."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from bench.cell_names import name_cells
from bench.data import DATASETS
from bench.data.availability import Provision, foresee, provide
from bench.data.dataset_files import Progress
from bench.errors import BenchError, did_you_mean
from bench.measure.resources import Resources, local_resources
from bench.outcome_keys import RUN, SET_MEMBER, changes, code_parts, outcome_key, with_configuration
from bench.records import LOCKSTEP, BlockRow, OutcomeSummary
from bench.store import Store
from bench.study.design import Excluded, expand
from bench.study.run_durations import DurationEstimator
from bench.study.runs import (
    Candidates,
    Run,
    baseline_id,
    choose,
    distinct_cells,
    resolve,
    trial_and_cost_runs,
    trial_run,
    tuning_runs,
    untuned_fields,
)
from bench.study.spec import MIN_SETS, Cell, Study
from bench.study.study_file import load_study
from bench.study.timing_sets import (
    SetPart,
    cells_per_set,
    set_run,
    set_runs,
    sets_wanted,
    timed_cells,
)

State = Literal["cached", "stale", "new", "skipped"]
ResourcesFor = Callable[[Sequence[Cell]], Resources]


def _this_machine(cells: Sequence[Cell]) -> Resources:
    return local_resources()


@dataclass(frozen=True)
class Narrowing:
    """Limits of extra timing sets; with a `half_width` (a fraction) of 0 only the budget."""

    half_width: float
    budget_s: float


@dataclass(frozen=True)
class Deciding:
    """The limit of the time spent on further seeds that decide accuracies."""

    budget_s: float


@dataclass(frozen=True)
class Request:
    """Options of `bench run`: a study file or its fields; `only` cells by name or id, or all."""

    study: Path | Mapping[str, Any]
    overrides: tuple[str, ...] = ()
    results: Path = Path("results")
    reports: Path = Path("reports")
    data_dir: Path = Path("data")
    offline: bool = False
    fresh: bool = False
    report: bool = True
    verbose: bool = False
    narrowing: Narrowing | None = None
    deciding: Deciding | None = None
    command: str = ""
    only: tuple[str, ...] = ()

    @property
    def first_look(self) -> int:
        """The look at the times for which sets are planned; 0: no further one follows."""
        return 1 if self.narrowing is not None and self.narrowing.half_width else 0

    @property
    def first_trial_look(self) -> int:
        """The look at the accuracies for which trials are planned; 0: no further one follows."""
        return 0 if self.deciding is None else 1


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run with its state, why, its estimated duration, and its outcome where it is cached."""

    run: Run
    state: State
    reason: str
    key: Mapping[str, str]
    estimate_s: float
    outcome: OutcomeSummary | None = None


@dataclass(frozen=True)
class Plan:
    """All runs of a study on the machine at hand; the baseline is the first cell.

    While tuning trials are missing (`is_tuning`), they are the only runs, and the cells are
    stand-ins for those that will be chosen. `detects` is the smallest change of a step's time
    that the last session could detect, with its number of timing sets.
    """

    study: Study
    resources: Resources
    provisions: tuple[Provision, ...]
    cells: tuple[Cell, ...]
    excluded: tuple[Excluded, ...]
    runs: tuple[PlannedRun, ...]
    is_rough: bool = False
    used_blocks: frozenset[int] = frozenset()
    detects: tuple[float, int] | None = None
    is_tuning: bool = False

    @property
    def uncached(self) -> tuple[PlannedRun, ...]:
        """The runs without a valid outcome."""
        return tuple(p for p in self.runs if p.state != "cached")

    @property
    def to_execute(self) -> tuple[PlannedRun, ...]:
        """The runs without a valid outcome that this machine can execute."""
        return tuple(p for p in self.uncached if p.state != "skipped")

    @property
    def estimate_s(self) -> float:
        """The estimated duration of the runs to execute, in seconds.

        Where a budget gives the number of timing sets, it is spent as soon as six are there.
        """
        runs_s = sum(p.estimate_s for p in self.uncached)
        sets = [p for p in self.to_execute if p.run.kind == "block"]
        if not sets or self.study.timing is None or self.study.timing.sets is not None:
            return runs_s
        return runs_s + max(0.0, self.study.timing.budget - sum(p.estimate_s for p in sets))

    @property
    def all_blocks(self) -> frozenset[int]:
        """The numbers of all timing sets of any session."""
        return self.used_blocks | {p.run.block for p in self.runs if p.run.kind == "block"}

    @property
    def most_cells(self) -> int:
        """The most cells that a timing set has besides the baseline."""
        return cells_per_set(self.resources.machine.memory_bytes)

    @property
    def next_block(self) -> int:
        """The first unused number of a timing set."""
        return 1 + max(self.all_blocks, default=-1)

    def without(self, lost: Sequence[PlannedRun]) -> "Plan":
        """Return the plan without lost timing runs; the numbers of their sets stay used."""
        ids = {planned.run.run_id for planned in lost}
        kept = tuple(p for p in self.runs if p.run.run_id not in ids)
        return replace(self, runs=kept, used_blocks=self.all_blocks)

    def with_runs(self, runs: Sequence[Run]) -> "Plan":
        """Return the plan with further runs of cells that have some of that kind already."""
        similar = {(p.run.kind, p.run.cell.cell_id): p for p in self.runs}
        added = []
        for run in runs:
            like = similar[run.kind, run.cell.cell_id]
            key = with_configuration(like.key, run.configuration())
            added.append(PlannedRun(run, "new", "", key, like.estimate_s))
        return replace(self, runs=(*self.runs, *added))

    def trials_at_once(self, cells: Sequence[Cell]) -> int:
        """Return how many trials of these cells run at the same time."""
        return min(_trials_at_once(self.resources, cell) for cell in cells)


def plan_study(request: Request, *, resources_for: ResourcesFor = _this_machine) -> Plan:
    """Load a study and plan it, without changing anything."""
    study = load_study(request.study, request.overrides)
    return make_plan(study, request, resources_for=resources_for)


def make_plan(
    study: Study,
    request: Request,
    progress: Progress | None = None,
    *,
    resources_for: ResourcesFor = _this_machine,
    after_tuning: bool = False,
) -> Plan:
    """Plan a study and compare it with its results folder.

    With `progress` missing data are fetched; without it nothing is changed. `after_tuning`
    accepts tuning trials whatever their status.
    """
    design = expand(study)
    resources = resources_for(design.cells)
    machine = resources.planned_on
    provisions = tuple(_provisions(design.cells, request, progress))
    datasets = {p.requested: p.used for p in provisions}
    resolved = ((resolve(c, machine, datasets) for c in group) for group in design.candidates)
    candidates: Candidates = [list({c.cell_id: c for c in group}.values()) for group in resolved]
    base = resolve(study.base, machine, datasets)
    store = Store(request.results / study.name)
    known = {} if request.fresh else store.summaries()
    if request.only:
        candidates = _only(request.only, study, base, candidates, known)
    cache = _Cache(resources, known, {p.used: p.digest for p in provisions})
    runs = cache.planned_tuning(study, candidates, after_tuning)
    is_tuning = any(planned.state in ("stale", "new") for planned in runs)
    chosen = choose(study, candidates, {p.run.run_id: p.outcome for p in runs if p.outcome})
    cells = distinct_cells(chosen, baseline_id(study, base, chosen))
    if not is_tuning:
        runs += map(cache.planned, trial_and_cost_runs(study, cells, request.first_trial_look))
        runs += cache.added_trials(study, cells)
        runs += cache.planned_sets(study, cells, request.first_look)
    return Plan(
        study,
        resources,
        provisions,
        cells,
        design.excluded,
        tuple(runs),
        cache.durations.is_rough,
        cache.used_blocks,
        store.last_detectable_change(),
        is_tuning,
    )


def _only(
    requested: Sequence[str],
    study: Study,
    base: Cell,
    candidates: Candidates,
    known: Mapping[str, OutcomeSummary],
) -> list[Sequence[Cell]]:
    """Return the candidates of the requested cells, each by a name with or without tuned fields."""
    chosen = choose(study, candidates, known)
    cells = distinct_cells(chosen, baseline_id(study, base, chosen))
    names = name_cells({c.cell_id: c.flat() for c in cells})
    untuned = name_cells({c.cell_id: untuned_fields(study, c) for c in cells})
    valid = {*names, *names.values(), *untuned.values()}
    # In a table of report.md, Markdown escapes the | of a name.
    requested = [name if name in valid else name.replace(r"\|", "|") for name in requested]
    for name in requested:
        if name not in valid:
            raise BenchError(
                "no cell of the study has this name or id on this machine",
                where=f"--only {shlex.quote(name)}",
                hint=did_you_mean(name, valid) or "`bench plan` lists names and ids.",
            )
    return [
        group
        for cell, group in zip(chosen, candidates, strict=True)
        if {cell.cell_id, names[cell.cell_id], untuned[cell.cell_id]}.intersection(requested)
    ]


def _provisions(
    cells: Sequence[Cell], request: Request, progress: Progress | None
) -> list[Provision]:
    find = foresee if progress is None else partial(provide, progress=progress)
    requested = {cell.dataset.name: cell.dataset.fallback for cell in cells}
    folder, offline = request.data_dir, request.offline
    return [find(name, fallback, folder, offline=offline) for name, fallback in requested.items()]


def parts_of(outcomes: Iterable[OutcomeSummary]) -> Iterator[tuple[SetPart, BlockRow]]:
    """Yield the parts of timing sets among outcomes that ended ok, with their rows."""
    for outcome in outcomes:
        row = outcome.block
        if row is not None and outcome.status == "ok":
            yield SetPart(outcome.cell_id, row.role, row.block), row


def _trials_at_once(resources: Resources, cell: Cell) -> int:
    return resources.trials_at_once(int(cell.threads), gpus=cell.device.startswith("cuda"))


class _Cache:
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

    def planned(self, run: Run, after_tuning: bool = False) -> PlannedRun:
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
        at_once = len(self._resources.nodes)
        if run.timing is not None:
            at_once = min(at_once, run.timing.sets or MIN_SETS)
        elif not run.is_alone and run.cell.skip is None:
            at_once = _trials_at_once(self._resources, run.cell)
        return self.durations.seconds(run) / at_once

    def _key(self, run: Run) -> dict[str, str]:
        dataset = run.cell.dataset.name
        targets = frozenset((*run.cell.targets(), type(DATASETS[dataset]).__module__))
        root = SET_MEMBER if run.kind == "block" else RUN
        if (targets, root) not in self._codes:
            self._codes[targets, root] = code_parts(targets, root)
        code, digest = self._codes[targets, root], self._digests.get(dataset)
        return outcome_key(run.configuration(), code, self._fingerprint, digest)


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
