"""`bench verify`: trials trained once more, and held against what is stored to the last bit."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.execute.executor import Executor, RunContext
from bench.measure.resources import local_resources
from bench.planning import Request, Task, draw_up
from bench.records import EpochRow, Outcome
from bench.store import Store
from bench.study.runs import Run
from bench.study_files import results_hint

# What a repeated trial must give again; times are its own.
REPEATED = ("train_loss", "test_loss", "test_accuracy")


@dataclass(frozen=True)
class Verified:
    """A trial done again; `difference` is its first, in words, and empty where there is none."""

    run: Run
    difference: str


@dataclass(frozen=True)
class Verification:
    """What was done again, and why the trials that could not be were left alone."""

    verified: tuple[Verified, ...]
    trials: int
    not_comparable: tuple[str, ...]


def verify(
    results: Path,
    data_dir: Path,
    executor: Executor,
    *,
    sample: int,
    told: Callable[[Verified], None],
) -> Verification:
    """Repeat a sample of the finished trials of a results folder; nothing in it changes.

    The sample is drawn by the study's name, so that it is the same each time; each trial is told
    as it ends. Raises BenchError where the folder holds no study or no finished trial.
    """
    tasks = _finished(results, data_dir)
    store = Store(results)
    comparable = [task for task in tasks if task.state == "cached"]
    drawn = random.Random(results.resolve().name).sample(comparable, min(sample, len(comparable)))
    verified = []
    for task in sorted(drawn, key=comparable.index):
        (again,) = executor.execute([task.run], RunContext(data_dir), lambda event: None)
        (before,) = store.outcomes([task.run.run_id])
        verified.append(Verified(task.run, _difference(before, again)))
        told(verified[-1])
    stale = {task.why for task in tasks if task.state == "stale"}
    return Verification(tuple(verified), len(tasks), tuple(sorted(stale)))


def _finished(results: Path, data_dir: Path) -> list[Task]:
    """List the trials of the folder's study that ended well, valid or not."""
    resolved = results.resolve()
    study = resolved / "study.yaml"
    if not study.is_file():
        told = "is no results folder: it has no study.yaml"
        raise BenchError(told, where=str(results), hint=results_hint(results))
    # What `threads: auto` meant depends on how many ran at once.
    known = Store(resolved).load().values()
    jobs = max((o.trial.jobs or 1 for o in known if o.trial is not None), default=1)
    request = Request(study, results=resolved.parent, data_dir=data_dir, offline=True)
    agenda = draw_up(request, where=lambda cells: local_resources(jobs))
    name = agenda.plan.study.name
    if name != resolved.name:
        raise BenchError(
            f"holds the study '{name}'",
            where=str(results),
            hint=f"Give the folder its name back: {resolved.with_name(name)}",
        )
    tasks = [t for t in agenda.tasks if t.run.kind == "trial" and t.state in ("cached", "stale")]
    if not tasks:
        raise BenchError("holds no finished trial", where=str(results), hint="Run the study first.")
    return tasks


def _difference(before: Outcome, again: Outcome) -> str:
    """Name the first value that was not repeated."""
    if again.status != "ok":
        return f"{again.status}: {again.reason}"
    for old, new in zip(before.epochs, again.epochs, strict=True):
        for name in REPEATED:
            if getattr(old, name) != getattr(new, name):
                return _told(old, new, name)
    return ""


def _told(old: EpochRow, new: EpochRow, name: str) -> str:
    words = name.replace("_", " ")
    return f"{words} of epoch {new.epoch}: {getattr(old, name)!r}, now {getattr(new, name)!r}"
