"""The plan of a study: its runs compared with the outcomes in its results folder."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.cell_names import name_cells
from bench.data.availability import Provision, foresee, provide
from bench.data.source import Progress
from bench.errors import BenchError, did_you_mean
from bench.measure.resources import Resources, local_resources
from bench.outcome_keys import with_configuration
from bench.planning.planned_runs import PlannedRun, RunCache, trials_at_once
from bench.records import OutcomeSummary
from bench.store import Store
from bench.study.choice import MetricChoice
from bench.study.dataset_choice import DatasetChoice
from bench.study.design import Excluded, expand
from bench.study.runs import (
    Candidates,
    Run,
    UsedDataset,
    baseline_id,
    choose,
    distinct_cells,
    resolve,
    trial_and_cost_runs,
    untuned_fields,
)
from bench.study.spec import Cell, Study
from bench.study.study_file import load_study
from bench.study.timing_sets import (
    cells_per_set,
)

ResourcesFor = Callable[[Sequence[Cell], Sequence[MetricChoice]], Resources]


def _this_machine(cells: Sequence[Cell], metrics: Sequence[MetricChoice]) -> Resources:
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
    def data_dirs(self) -> dict[str, Path]:
        """The folders of data sets that have one of their own, by label."""
        return {p.used: p.location.folder for p in self.provisions if p.location.folder}

    @property
    def unread(self) -> frozenset[str]:
        """The labels of the data sets whose shape is unknown until a run has read them.

        Networks adapt to it: the ids of these sets' cells and the states of their runs may change.
        """
        return frozenset(p.used for p in self.provisions if p.location.shape is None)

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
        return min(trials_at_once(self.resources, cell) for cell in cells)


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
    store: Store | None = None,
) -> Plan:
    """Plan a study and compare it with its results folder, of which `store` may be open.

    With `progress` missing data are fetched; without it nothing is changed. `after_tuning`
    accepts tuning trials whatever their status.
    """
    design = expand(study)
    resources = resources_for(design.cells, study.measured_metrics)
    machine = resources.planned_on
    requested = {cell.dataset.label: cell.dataset for cell in design.cells}
    provisions = tuple(_provisions(requested.values(), request, progress))
    datasets = {
        p.requested: UsedDataset(requested[p.requested].used(p.used), p.location.shape)
        for p in provisions
    }
    resolved = ((resolve(c, machine, datasets) for c in group) for group in design.candidates)
    candidates: Candidates = [list({c.cell_id: c for c in group}.values()) for group in resolved]
    base = resolve(study.base, machine, datasets)
    store = store or Store(request.results / study.name)
    known = {} if request.fresh else store.summaries()
    if request.only:
        candidates = _only(request.only, study, base, candidates, known)
    cache = RunCache(resources, known, {p.used: p.location.digest for p in provisions})
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
    choices: Iterable[DatasetChoice], request: Request, progress: Progress | None
) -> Iterator[Provision]:
    find = foresee if progress is None else partial(provide, progress=progress)
    for choice in choices:
        fallback = (
            None
            if choice.fallback is None
            else DatasetChoice.model_validate(choice.fallback).source()
        )
        yield find(choice.source(), fallback, request.data_dir, offline=request.offline)
