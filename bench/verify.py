"""`bench verify`: train stored trials again and compare them bit by bit."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.execute.executor import Executor, RunContext
from bench.measure.resources import local_resources
from bench.planning import Plan, PlannedRun, Request, make_plan
from bench.records import Outcome
from bench.store import Store
from bench.study.runs import Run
from bench.study.study_file import load_study
from bench.study_files import results_hint

# What a repeated trial must reproduce; times differ.
REPRODUCED = ("train_loss", "test_loss", "test_accuracy")


@dataclass(frozen=True)
class VerifiedTrial:
    """A repeated trial and its first difference, empty where there is none."""

    run: Run
    difference: str


@dataclass(frozen=True)
class Verification:
    """The repeated trials, the number of finished ones, and why some could not be repeated."""

    verified: tuple[VerifiedTrial, ...]
    trials: int
    not_comparable: tuple[str, ...]


def verify(
    results: Path,
    data_dir: Path,
    executor: Executor,
    *,
    sample: int,
    on_trial: Callable[[VerifiedTrial], None],
) -> Verification:
    """Repeat a sample of the finished trials of a results folder, without changing it.

    The sample depends only on the study's name; `on_trial` is called after each trial. Raises
    BenchError where the folder holds no study or no finished trial.
    """
    plan = _plan(results, data_dir)
    finished = _finished_trials(plan, results)
    store, run_context = Store(results), RunContext(data_dir, data_dirs=plan.data_dirs)
    comparable = [planned for planned in finished if planned.state == "cached"]
    drawn = random.Random(results.resolve().name).sample(comparable, min(sample, len(comparable)))
    verified = []
    for planned in sorted(drawn, key=comparable.index):
        run = planned.run
        (again,) = executor.execute([run], run_context, lambda event: None)
        (before,) = store.outcomes([run.run_id])
        verified.append(VerifiedTrial(run, _difference(before, again)))
        on_trial(verified[-1])
    stale = {planned.reason for planned in finished if planned.state == "stale"}
    return Verification(tuple(verified), len(finished), tuple(sorted(stale)))


def _plan(results: Path, data_dir: Path) -> Plan:
    """Return the plan of a folder's study as it was run."""
    folder = results.resolve()
    if not (folder / "study.yaml").is_file():
        message = "is not a results folder: it has no study.yaml"
        raise BenchError(message, where=str(results), hint=results_hint(results))
    study = load_study(folder / "study.yaml")
    if study.name != folder.name:
        raise BenchError(
            f"holds the study '{study.name}'",
            where=str(results),
            hint=f"Rename the folder to {folder.with_name(study.name)}",
        )
    # `threads: auto` depends on how many runs were active at once.
    outcomes = Store(folder).load().values()
    if not outcomes and (folder / "trials.csv").is_file():
        raise BenchError(
            "has tables, but no outcomes to verify",
            where=str(results),
            hint="Published results keep tables only: run the study first.",
        )
    jobs = max((o.trial.jobs or 1 for o in outcomes if o.trial is not None), default=1)
    request = Request(folder / "study.yaml", results=folder.parent, data_dir=data_dir, offline=True)
    return make_plan(
        study,
        request,
        lambda what, done, total: None,  # prepares data of the user's own, as a run does
        resources_for=lambda cells, metrics: local_resources(jobs),
    )


def _finished_trials(plan: Plan, results: Path) -> list[PlannedRun]:
    """Return the trials that ended ok, cached or stale."""
    trials = [p for p in plan.runs if p.run.kind == "trial" and p.state in ("cached", "stale")]
    if not trials:
        raise BenchError("holds no finished trial", where=str(results), hint="Run the study first.")
    return trials


def _difference(before: Outcome, again: Outcome) -> str:
    if again.status != "ok":
        return f"{again.status}: {again.reason}"
    for old, new in zip(before.epochs, again.epochs, strict=True):
        for name in REPRODUCED:
            values = getattr(old, name), getattr(new, name)
            if values[0] != values[1]:
                measure = name.replace("_", " ")
                return f"{measure} of epoch {new.epoch}: {values[0]!r}, now {values[1]!r}"
    return ""
