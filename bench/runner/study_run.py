"""`bench run` as a list of stages: load, plan, check, tune, execute, add runs, report."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import StudyError
from bench.execute.executor import Executor
from bench.planning import Plan, Request, make_plan
from bench.records import Status
from bench.runner.added_runs import (
    Decided,
    Narrowed,
    decide,
    fill_budget,
    narrow,
    replace_disturbed,
)
from bench.runner.session import Reporter, Session
from bench.stats.selection import HALVING_SHARES
from bench.store import Store
from bench.study.study_file import load_study

if TYPE_CHECKING:
    from bench.analysis.results import Results


@dataclass(frozen=True)
class FinishedStudy:
    """A study that was run: its results, where they are, and how the runs ended."""

    folder: Path
    results: "Results"
    report: Path | None
    statuses: Mapping[Status, int] = field(default_factory=dict)
    narrowed: Narrowed | None = None
    decided: Decided | None = None
    has_failed: bool = False


def run_study(request: Request, reporter: Reporter, executor: Executor) -> FinishedStudy:
    """Run and store what a study lacks; raise KeyboardInterrupt once the reporter is stopping."""
    study = load_study(request.study, request.overrides)
    store = Store(request.results / study.name)
    with store.locked():
        store.check_tables()
        progress, resources_for = reporter.downloading, executor.resources
        plan = make_plan(study, request, progress, resources_for=resources_for, store=store)
        reporter.planned(plan)
        _check_components(plan, executor)
        if request.fresh:
            store.set_aside()
        for _ in HALVING_SHARES:  # a stage for each round at most
            if not plan.is_tuning:
                break
            Session(plan, store, request, reporter, executor).tune()
            request = replace(request, fresh=False)
            plan = make_plan(
                study, request, resources_for=resources_for, after_tuning=True, store=store
            )
            reporter.planned(plan)
        session = Session(plan, store, request, reporter, executor)
        with session.writing_tables():
            session.execute_plan()
            fill_budget(session, request.first_look)
            replace_disturbed(session)
            narrowed = narrow(session, request.narrowing) if request.narrowing else None
            decided = decide(session, request.deciding) if request.deciding else None
        report = None
        if request.report:
            from bench.reporting.render import render  # imports drawing libraries

            report = render(store.folder, request.reports / study.name, results=session.results())
        return FinishedStudy(
            folder=store.folder,
            results=session.results(),
            report=report,
            statuses=session.statuses(),
            narrowed=narrowed,
            decided=decided,
            has_failed=session.has_failed(),
        )


def _check_components(plan: Plan, executor: Executor) -> None:
    """Build every network that will be trained, before the first run starts."""
    cells = list({p.run.cell.cell_id: p.run.cell for p in plan.to_execute}.values())
    metrics = plan.study.measured_metrics if any(p.run.metrics for p in plan.to_execute) else ()
    shapes = {p.used: p.location.shape for p in plan.provisions if p.location.shape}
    if problems := executor.check(cells, shapes, metrics) if cells else []:
        raise StudyError("\n".join(problems), where=plan.study.source.name)
