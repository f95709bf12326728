"""What a worker process of a Ray node does: execute runs in processes forked there."""

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from bench.execute.dataset_transfer import DatasetArchive, unpack_dataset
from bench.execute.executor import Event, RunContext, Shapes, Stepped
from bench.execute.local_executor import LocalExecutor
from bench.measure.environment_variables import undo_own_changes
from bench.measure.machine import Machine, this_machine
from bench.records import Outcome
from bench.study.choice import MetricChoice
from bench.study.runs import Run
from bench.study.spec import Cell

STEP_INTERVAL_S = 0.5


def execute_runs(
    runs: Sequence[Run], run_context: RunContext, archives: Mapping[str, DatasetArchive]
) -> Iterator[Event | Outcome]:
    """Execute a run, or a timing set; yield its events, steps at most twice a second."""
    executor = _local_executor()
    names = {run.cell.dataset.label for run in runs}
    own_context = replace(
        run_context,
        data_dirs={name: unpack_dataset(archives[name]) for name in names},
        visible_gpus=os.environ.get("CUDA_VISIBLE_DEVICES"),
    )
    with closing(executor), closing(executor.messages(runs, own_context)) as messages:
        yield from _thinned(messages)


def describe() -> Machine:
    """Return the machine and its software, as a run here sees them."""
    undo_own_changes()
    return this_machine()


def check(cells: Sequence[Cell], shapes: Shapes, metrics: Sequence[MetricChoice]) -> list[str]:
    """Build every cell's network once, in a separate process."""
    return _local_executor().check(cells, shapes, metrics)


def _local_executor() -> LocalExecutor:
    """Return an executor whose forks depend on neither Ray's main module nor its folder.

    multiprocessing would make each fork import this process's main module by its file name. The
    working folder may be gone: where nodes share a machine, one that joins recreates all of them.
    """
    undo_own_changes()
    vars(sys.modules["__main__"]).pop("__file__", None)
    os.chdir(tempfile.gettempdir())
    return LocalExecutor()


def _thinned(messages: Iterable[Event | Outcome]) -> Iterator[Event | Outcome]:
    """Drop steps that follow another one soon, unless they carry losses for log lines."""
    next_s = 0.0
    for message in messages:
        if isinstance(message, Stepped) and message.loss is None:
            if time.monotonic() < next_s:
                continue
            next_s = time.monotonic() + STEP_INTERVAL_S
        yield message
