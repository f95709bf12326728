"""What a process on a node does with a task: each run in a process forked there."""

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from bench.execute.dataset_transfer import DatasetArchive, unpack_dataset
from bench.execute.executor import Event, RunContext, Stepped
from bench.execute.local_executor import LocalExecutor
from bench.measure.environment_variables import undo_own_changes
from bench.measure.machine import Machine, this_machine
from bench.records import Outcome
from bench.study.runs import PlannedCell, Run

NEWS_EVERY_S = 0.5


def carry_out(
    runs: Sequence[Run], run_context: RunContext, archives: Mapping[str, DatasetArchive]
) -> Iterator[Event | Outcome]:
    """Execute runs one after the other; tell what happens, steps only now and then."""
    executor = _forking()
    visible_gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
    for run in runs:
        data_dir = unpack_dataset(archives[run.planned.cell.dataset.name])
        beside = replace(run_context, data_dir=data_dir, visible_gpus=visible_gpus)
        with closing(executor.news([run], beside)) as news:
            yield from _now_and_then(news)


def describe() -> Machine:
    """Return the machine and its software, as a run here finds them."""
    undo_own_changes()
    return this_machine()


def check(cells: Sequence[PlannedCell]) -> list[str]:
    """Build every cell's network once, in a process of its own."""
    return _forking().check(cells)


def _forking() -> LocalExecutor:
    """Make an executor whose forks need nothing of the engine's: its main module, its folder.

    multiprocessing would have each of them import this process' main module, by the file that it
    names. The working folder may be gone by now: where nodes share a machine, one that joins makes
    all of them anew.
    """
    undo_own_changes()
    vars(sys.modules["__main__"]).pop("__file__", None)
    os.chdir(tempfile.gettempdir())
    return LocalExecutor()


def _now_and_then(news: Iterable[Event | Outcome]) -> Iterator[Event | Outcome]:
    """Leave out steps that follow soon on another, unless somebody asked for their losses."""
    next_s = 0.0
    for told in news:
        if isinstance(told, Stepped) and told.loss is None:
            if time.monotonic() < next_s:
                continue
            next_s = time.monotonic() + NEWS_EVERY_S
        yield told
