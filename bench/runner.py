"""`bench run` and `bench plan` as a list of stages: load, provide, plan, check, execute, store."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from bench.data.images import Progress
from bench.data.provide import Provision, foresee, provide
from bench.errors import StudyError
from bench.execute.executor import Event, Executor, Workplace
from bench.measure.machine import Machine, commit_here, this_machine
from bench.records import Outcome, Status
from bench.store import Store, code_digest, outcome_key, write_whole
from bench.study.estimate import Estimate
from bench.study.grid import expand
from bench.study.load import load_study
from bench.study.plan import Plan, Run, make_plan
from bench.study.source import write_yaml
from bench.study.spec import Cell

State = Literal["cached", "stale", "new", "skipped"]


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
    command: str = ""


@dataclass(frozen=True)
class Task:
    """A run, whether its outcome is there already, and how long it will take."""

    run: Run
    state: State
    why: str
    key: Mapping[str, str]
    estimate_s: float
    known: Outcome | None = None


@dataclass(frozen=True)
class Agenda:
    """A plan held against what the results folder has."""

    plan: Plan
    machine: Machine
    provisions: tuple[Provision, ...]
    tasks: tuple[Task, ...]
    is_rough: bool

    @property
    def to_do(self) -> tuple[Task, ...]:
        """The tasks that have to be executed."""
        return tuple(t for t in self.tasks if t.state != "cached")

    @property
    def to_measure(self) -> tuple[Task, ...]:
        """The tasks to do that this machine can do."""
        return tuple(t for t in self.to_do if t.state != "skipped")

    @property
    def estimate_s(self) -> float:
        """Seconds that the tasks to do will take together."""
        return sum(t.estimate_s for t in self.to_do)


@dataclass(frozen=True)
class Finished:
    """What `bench run` gave."""

    results: Path
    report: Path | None
    statuses: Mapping[Status, int] = field(default_factory=dict)

    @property
    def has_failed(self) -> bool:
        """Whether any run ended otherwise than ok or skipped for a stated reason."""
        return any(n for status, n in self.statuses.items() if status not in ("ok", "skipped"))


class Screen(Protocol):
    """Who is told how a study goes on."""

    def downloading(self, what: str, done: int, total: int) -> None:
        """Show how far the fetching or making of a data set is."""

    def planned(self, agenda: Agenda) -> None:
        """Show what will run; nothing has yet."""

    def happened(self, event: Event) -> None:
        """Show that a run began or went on."""

    def ended(self, task: Task, outcome: Outcome) -> None:
        """Show a run's outcome, which is stored by now."""


def run_study(request: Request, screen: Screen, executor: Executor) -> Finished:
    """Run what a study asks for and is not there yet; store each outcome as it comes."""
    agenda = draw_up(request, progress=screen.downloading)
    screen.planned(agenda)
    _check(agenda, executor, request)
    store = Store(request.results / agenda.plan.study.name)
    outcomes = _carry_out(agenda, executor, store, request, screen)
    report = _render(store, request) if request.report else None
    return Finished(store.folder, report, Counter(o.status for o in outcomes))


def draw_up(request: Request, progress: Progress | None = None) -> Agenda:
    """Load, provide and plan a study, and hold it against the results that are there.

    With `progress` missing data are fetched; without it nothing is touched.
    """
    study, source = load_study(request.study, request.overrides)
    cells, excluded = expand(study, source)
    machine = this_machine()
    provisions = tuple(_provisions(cells, request, progress))
    served = {p.requested: p.used for p in provisions}
    plan = make_plan(study, cells, machine, served, excluded=excluded)
    known = {} if request.fresh else Store(request.results / study.name).load()
    tasks, is_rough = _tasks(plan, machine, known)
    return Agenda(plan, machine, provisions, tasks, is_rough)


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


def _tasks(
    plan: Plan, machine: Machine, known: Mapping[str, Outcome]
) -> tuple[tuple[Task, ...], bool]:
    """Hold every run against its former outcome, and estimate what is left."""
    estimate = Estimate(known.values(), machine.cores)
    fingerprint = machine.fingerprint()
    targets = {planned.cell.model.target for planned in plan.cells}
    codes = {target: code_digest(target) for target in targets}
    tasks = []
    for run in plan.runs:
        code = codes[run.planned.cell.model.target]
        key = outcome_key(run.configuration(), code, fingerprint)
        state, why = _state(run, key, known.get(run.run_id))
        former = known.get(run.run_id) if state == "cached" else None
        tasks.append(Task(run, state, why, key, estimate.seconds(run), former))
    return tuple(tasks), estimate.is_rough


def _state(run: Run, key: Mapping[str, str], former: Outcome | None) -> tuple[State, str]:
    if run.planned.skip is not None:
        return "skipped", run.planned.skip
    if former is None:
        return "new", ""
    if former.status != "ok":
        return "new", f"{former.status} before"
    changed = [part for part, value in key.items() if former.key.get(part) != value]
    return ("stale", f"{', '.join(changed)} changed") if changed else ("cached", "")


def _check(agenda: Agenda, executor: Executor, request: Request) -> None:
    """Build every network that is to be trained before the first run starts."""
    cells = list({t.run.planned.cell_id: t.run.planned for t in agenda.to_measure}.values())
    problems = executor.check(cells) if cells else []
    if problems:
        raise StudyError("\n".join(problems), where=str(request.study))


def _carry_out(
    agenda: Agenda, executor: Executor, store: Store, request: Request, screen: Screen
) -> list[Outcome]:
    """Execute the agenda; whatever interrupts it, what has ended is in the tables."""
    outcomes = {t.run.run_id: t.known for t in agenda.tasks if t.known is not None}
    conditions = _Conditions(agenda, store, request)
    conditions.write()
    summary = Summary(store)
    try:
        for task, outcome in _outcomes(agenda, executor, request, screen):
            keyed = replace(outcome, key=task.key)
            store.save(keyed)
            outcomes[task.run.run_id] = keyed
            store.append(keyed, list(outcomes.values()))
            summary.refresh()
            screen.ended(task, keyed)
    finally:
        in_order = [outcomes[r.run_id] for r in agenda.plan.runs if r.run_id in outcomes]
        store.write_tables(in_order)
        summary.write()
        conditions.write(finished_at=_now())
    return in_order


def _outcomes(
    agenda: Agenda, executor: Executor, request: Request, screen: Screen
) -> Iterator[tuple[Task, Outcome]]:
    for task in agenda.to_do:
        if task.state == "skipped":
            yield task, replace(task.run.ended("skipped", task.why, 0.0), started_at=_now())
    workplace = Workplace(request.data_dir, request.verbose)
    by_id = {task.run.run_id: task for task in agenda.to_measure}
    runs = [task.run for task in by_id.values()]
    for outcome in executor.execute(runs, workplace, screen.happened):
        yield by_id[outcome.run_id], outcome


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
        write_whole(self._folder / "study.yaml", write_yaml(resolved))
        path = self._folder / "environment.json"
        if path.is_file() and not self._agenda.to_measure:
            return
        provisions = self._agenda.provisions
        environment = {
            **self._agenda.machine.describe(),
            "data": asdict(next((p for p in provisions if p.why), provisions[0])),
            "started_at": self._started_at,
            "finished_at": finished_at,
            "commit": self._commit,
            "command": self._command,
        }
        write_whole(path, json.dumps(environment, indent=1, ensure_ascii=False) + "\n")


def _render(store: Store, request: Request) -> Path:
    from bench.report.render import render  # drawing libraries load only when they draw

    return render(store.folder, request.reports / store.folder.name)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Summary:
    """summary.csv, kept fresh for at most a fiftieth of the time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next_s = 0.0

    def refresh(self) -> None:
        """Write it again unless the last time was too short ago for what it took."""
        started_s = time.monotonic()
        if started_s >= self._next_s:
            self.write()
            now_s = time.monotonic()
            self._next_s = now_s + 50 * (now_s - started_s)

    def write(self) -> None:
        """Write it from the tables as they are."""
        from bench.analysis.load import read_tables

        folder = self._store.folder
        summary = read_tables(folder, recompute=True).summary
        write_whole(folder / "summary.csv", summary.to_csv(index=False))
