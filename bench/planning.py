"""What a study asks for, held against what its results folder has: cached, stale, new, skipped."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.cell_names import cell_labels
from bench.data import DATASETS
from bench.data.availability import Provision, foresee, provide
from bench.data.images import Progress
from bench.errors import BenchError, did_you_mean
from bench.measure.machine import Machine
from bench.measure.resources import Resources, local_resources
from bench.outcome_keys import changes, code_parts, outcome_key
from bench.records import OutcomeSummary
from bench.store import Store
from bench.study.design import expand
from bench.study.run_durations import Estimate
from bench.study.runs import Plan, Run, make_plan, planned_cell
from bench.study.spec import Cell
from bench.study.study_file import load_study
from bench.study.timing_blocks import Timed, block_run, block_runs
from bench.study.tuning import Tuning, plan_tuning

State = Literal["cached", "stale", "new", "skipped"]
Where = Callable[[Sequence[Cell]], Resources]


def here(cells: Sequence[Cell]) -> Resources:
    """Run everything on this machine, one run after the other."""
    return local_resources()


@dataclass(frozen=True)
class Narrowing:
    """How long to add timing blocks where an interval is wide.

    `half_width` is of the step's time, as a fraction of it; 0: until the time is spent.
    """

    half_width: float
    budget_s: float


@dataclass(frozen=True)
class Request:
    """What the user asked for on the command line."""

    study: Path
    overrides: tuple[str, ...] = ()
    results: Path = Path("results")
    reports: Path = Path("reports")
    data_dir: Path = Path("data")
    offline: bool = False
    fresh: bool = False
    report: bool = True
    verbose: bool = False
    narrowing: Narrowing | None = None
    command: str = ""
    only: tuple[str, ...] = ()  # names or ids of cells; without any, every cell


@dataclass(frozen=True, slots=True)
class Task:
    """A run, whether its outcome is there already, and how long it will take."""

    run: Run
    state: State
    why: str
    key: Mapping[str, str]
    estimate_s: float
    known: OutcomeSummary | None = None


@dataclass(frozen=True)
class Agenda:
    """A plan held against what the results folder has.

    While tuning has something to try, its runs are the only tasks, and the plan is of stand-ins:
    as many cells as there will be, at values that are yet to be chosen. `detects` is the least
    change of a step's time that the last session could find, with its n.
    """

    plan: Plan
    site: Resources
    provisions: tuple[Provision, ...]
    tasks: tuple[Task, ...]
    is_rough: bool
    used_blocks: frozenset[int] = frozenset()
    detects: tuple[float, int] | None = None
    is_open: bool = False

    @property
    def to_do(self) -> tuple[Task, ...]:
        """The tasks that have to be executed."""
        return tuple(t for t in self.tasks if t.state != "cached")

    @property
    def to_measure(self) -> tuple[Task, ...]:
        """The tasks to do that can be done."""
        return tuple(t for t in self.to_do if t.state != "skipped")

    @property
    def estimate_s(self) -> float:
        """Seconds that the tasks to do will take together."""
        return sum(t.estimate_s for t in self.to_do)

    @property
    def all_blocks(self) -> frozenset[int]:
        """The numbers that timing blocks have used, in any session."""
        return self.used_blocks | {t.run.block for t in self.tasks if t.run.kind == "block"}

    @property
    def next_block(self) -> int:
        """The first number that no timing block has used."""
        return 1 + max(self.all_blocks, default=-1)

    def without(self, lost: Sequence[Task]) -> "Agenda":
        """Take timing blocks off that can't be ended; their numbers stay used."""
        gone = {task.run.run_id for task in lost}
        left = tuple(task for task in self.tasks if task.run.run_id not in gone)
        return replace(self, tasks=left, used_blocks=self.all_blocks)

    def with_blocks(self, runs: Sequence[Run]) -> "Agenda":
        """Add timing blocks of cells that have some already to what is to do."""
        like = {t.run.planned.cell_id: t for t in self.tasks if t.run.kind == "block"}
        added = [
            replace(like[run.planned.cell_id], run=run, state="new", why="", known=None)
            for run in runs
        ]
        return replace(self, tasks=(*self.tasks, *added))


def draw_up(
    request: Request,
    progress: Progress | None = None,
    *,
    where: Where = here,
    decide: bool = False,
) -> Agenda:
    """Load, provide and plan a study, and hold it against the results that are there.

    With `progress` missing data are fetched; without it nothing is touched. `where` says on what
    its cells will run. With `decide` tuning chooses by what was tried, however that ended.
    """
    study, source = load_study(request.study, request.overrides)
    grid = expand(study, source)
    site = where(grid.every_cell)
    machine = site.planned_on
    provisions = tuple(_provisions(grid.every_cell, request, progress))
    served = {p.requested: p.used for p in provisions}
    tuning = plan_tuning(study, grid, machine, served)
    store = Store(request.results / study.name)
    known = {} if request.fresh else store.briefs()
    if request.only:
        tuning = _only(request.only, tuning, known, machine, served)
    digests = {p.used: p.digest for p in provisions}
    ledger = _Ledger(site, known, digests)
    tried = tuple(ledger.task(run, decided=decide) for run in tuning.runs)
    is_open = any(task.state in ("stale", "new") for task in tried)
    cells = tuning.chosen({t.run.run_id: t.known for t in tried if t.known is not None})
    base = tuning.base(cells)
    plan = make_plan(study, cells, machine, served, base=base, left_out=grid.left_out)
    tasks = tried
    if not is_open:
        tasks = (*tried, *(ledger.task(run) for run in plan.runs), *ledger.block_tasks(plan))
    return Agenda(
        plan,
        site,
        provisions,
        tasks,
        ledger.is_rough,
        ledger.used_blocks,
        store.detected_before(),
        is_open,
    )


def _only(
    asked: Sequence[str],
    tuning: Tuning,
    known: Mapping[str, OutcomeSummary],
    machine: Machine,
    served: Mapping[str, str],
) -> Tuning:
    """Keep the cells that are asked for by name or id, and what there is to try for them.

    A tuned cell also goes by its name without the tuned fields, whatever is chosen for it.
    """
    cells = tuning.chosen(known)
    plan = make_plan(tuning.study, cells, machine, served, base=tuning.base(cells))
    names = cell_labels({c.cell_id: c.cell.flat() for c in plan.cells})
    untuned = cell_labels({c.cell_id: tuning.untuned(c.cell) for c in plan.cells})
    every = {*names, *names.values(), *untuned.values()}
    for name in asked:
        if name not in every:
            raise BenchError(
                "no cell of the study has this name or id on this machine",
                where=f"--only {shlex.quote(name)}",
                hint=did_you_mean(name, every) or "`bench plan` lists names and ids.",
            )
    ids = [planned_cell(cell, machine, served).cell_id for cell in cells]
    kept = [i for i, c in enumerate(ids) if {c, names[c], untuned[c]}.intersection(asked)]
    return replace(
        tuning,
        candidates=tuple(tuning.candidates[i] for i in kept),
        declared=tuple(tuning.declared[i] for i in kept),
    )


def _provisions(
    cells: Sequence[Cell], request: Request, progress: Progress | None
) -> Iterator[Provision]:
    asked = {cell.dataset.name: cell.dataset.fallback for cell in cells}
    for name, fallback in asked.items():
        if progress is None:
            yield foresee(name, fallback, request.data_dir, offline=request.offline)
        else:
            yield provide(
                name, fallback, request.data_dir, offline=request.offline, progress=progress
            )


class _Ledger:
    """Holds every run against its former outcome, and estimates what is left."""

    def __init__(
        self,
        site: Resources,
        known: Mapping[str, OutcomeSummary],
        digests: Mapping[str, str | None],
    ) -> None:
        self._known = known
        self._site = site
        self._estimate = Estimate(known.values(), site.machine.cores)
        self._fingerprint = site.machine.fingerprint()
        self._digests = digests  # of each data set's content
        self._codes: dict[frozenset[str], Mapping[str, str]] = {}

    @property
    def is_rough(self) -> bool:
        """Whether an estimate had no earlier run to go by."""
        return self._estimate.is_rough

    @property
    def used_blocks(self) -> frozenset[int]:
        """The numbers of all timing blocks in the results folder, valid or not."""
        return frozenset(o.block.block for o in self._known.values() if o.block is not None)

    def task(self, run: Run, *, decided: bool = False) -> Task:
        """Hold a run against the outcome of the same name; once decided, a failed one counts."""
        former = self._known.get(run.run_id)
        key = self._key(run)
        state, why = _state(run, key, former, decided=decided)
        known = former if state == "cached" else None
        return Task(run, state, why, key, self._estimate_s(run), known)

    def block_tasks(self, plan: Plan) -> list[Task]:
        """Keep the timing blocks that are valid, and plan those that are missing."""
        former = sorted(self._former_blocks(plan), key=lambda task: task.run.block)
        kept = [task for task in former if task.state == "cached"]
        lapsed: dict[str, Task] = {}
        for task in former:
            cell_id = task.run.planned.cell_id
            if task.state != "cached":
                lapsed[cell_id] = task
            elif cell_id in lapsed and lapsed[cell_id].state == "stale":
                del lapsed[cell_id]  # a valid one stands in for it by now
        done = {Timed(t.run.planned.cell_id, t.run.role, t.run.block) for t in kept}
        counts = Counter(timed.cell_id for timed in done if timed.role == "planned")
        blocks = plan.study.timing.blocks if plan.study.timing else 0
        whole = {cell_id for cell_id, count in counts.items() if count >= blocks}
        return kept + [
            self._missing(run, lapsed.get(run.planned.cell_id), whole)
            for run in block_runs(plan, done, self.used_blocks)
        ]

    def _former_blocks(self, plan: Plan) -> Iterator[Task]:
        """Hold every block's part that is there against what it would be now."""
        cells = {planned.cell_id: planned for planned in plan.timed}
        for outcome in self._known.values():
            planned, block = cells.get(outcome.cell_id), outcome.block
            if planned is not None and block is not None:
                yield self.task(block_run(plan, planned, block.role, block.block))

    def _missing(self, run: Run, lapsed: Task | None, whole: Set[str]) -> Task:
        """Plan a block's part, for the reason for which the cell's last one no longer counts.

        A cell in `whole` has all of its blocks, and is timed again only for the sake of others.
        """
        beside = "other cells are timed beside it" if run.planned.cell_id in whole else ""
        state, why = (lapsed.state, lapsed.why) if lapsed else ("new", beside)
        return Task(run, state, why, self._key(run), self._estimate_s(run))

    def _estimate_s(self, run: Run) -> float:
        """Estimate what a run adds to the time that all of them take together."""
        cell, timing = run.planned.cell, run.timing
        beside = len(self._site.nodes)
        if timing is not None:
            beside = min(beside, timing.blocks)
        elif not run.is_alone and run.planned.skip is None:
            gpus = cell.device.startswith("cuda")
            beside = self._site.trials_at_once(int(cell.threads), gpus=gpus)
        return self._estimate.seconds(run) / beside

    def _key(self, run: Run) -> dict[str, str]:
        cell = run.planned.cell
        targets = frozenset((*cell.targets(), type(DATASETS[cell.dataset.name]).__module__))
        if targets not in self._codes:
            self._codes[targets] = code_parts(targets)
        return outcome_key(
            run.configuration(),
            self._codes[targets],
            self._fingerprint,
            self._digests.get(cell.dataset.name),
        )


def _state(
    run: Run, key: Mapping[str, str], former: OutcomeSummary | None, *, decided: bool
) -> tuple[State, str]:
    if run.planned.skip is not None:
        return "skipped", run.planned.skip
    if former is None:
        return "new", ""
    # That a candidate diverges is what tuning wants to know.
    is_told = former.status == "ok" or (run.kind == "tuning" and former.status == "diverged")
    if not is_told and not decided:
        return "new", f"{former.status} before"
    changed = changes(former.key, key)
    return ("stale", changed) if changed else ("cached", "")
