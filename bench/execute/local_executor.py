"""The executor that executes every run in a fresh process, forked from a server with torch.

The server starts no thread and touches no device, so that a fork of it is as good as a new
process and costs milliseconds instead of the seconds that importing torch takes.
"""

import multiprocessing
import sys
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path

from bench.data.shared_images import SharedImages
from bench.execute.captured_output import captured, new_output_file, pop_output, with_output
from bench.execute.child_process import ChildProcess, end_with_parent, send
from bench.execute.executor import (
    Emit,
    Event,
    IsStopping,
    Printed,
    RunContext,
    Shapes,
    Started,
    never,
)
from bench.execute.jobs import Job, RunProcess, SetJob, Share
from bench.execute.turn_taking import Permission
from bench.measure.machine import core_count, usable_cores
from bench.measure.openmp_spin import spin_variables
from bench.measure.resources import Resources, local_resources
from bench.models import MODELS
from bench.records import Outcome
from bench.study.choice import MetricChoice
from bench.study.runs import Run, run_groups
from bench.study.spec import Cell

# Imported by every run. torch imports the last one with the first optimizer, which would cost
# each run more than a second.
PRELOADED = (
    "bench.execute.set_member",
    "bench.optim.optimizers",
    "bench.optim.schedules",
    "bench.models.initialisation",
    *sorted({entry.target.partition(":")[0] for entry in MODELS.values()}),
    "torch._dynamo",
)


class LocalExecutor:
    """Executes each run in its own process, up to `jobs` of them at a time.

    Each of several jobs has its own share of the cores. Runs that are timed or counted run alone,
    unless the study's `timing.alone` is off. `permission` is asked for each turn of a timing set.
    """

    def __init__(self, jobs: int = 1, permission: Permission | None = None) -> None:
        self._jobs = jobs
        self._permission = permission or Permission()
        self._forking = forking_context()
        self._spawning = multiprocessing.get_context("spawn")
        self._variables = spin_variables()  # of the server and its forks
        self._cores = _Cores(jobs)
        self._shared_images = SharedImages()

    def resources(self, cells: Sequence[Cell], metrics: Sequence[MetricChoice] = ()) -> Resources:
        """Return this machine."""
        return local_resources(self._jobs)

    def check(
        self, cells: Sequence[Cell], shapes: Shapes, metrics: Sequence[MetricChoice] = ()
    ) -> list[str]:
        """Build and use every cell's components once, in a separate process."""
        output = new_output_file()
        args = (cells, shapes, metrics, output)
        with closing(
            ChildProcess(self._forking, _check_components, args, self._variables)
        ) as child:
            message = child.receive()
            if message is None:
                message = [f"a component could not be built or used: {child.exit_reason()}"]
        return with_output(list(message), pop_output(output))

    def execute(
        self,
        runs: Sequence[Run],
        run_context: RunContext,
        emit: Emit,
        is_stopping: IsStopping = never,
    ) -> Generator[Outcome, None, None]:
        """Yield outcomes as they come; a run that dies or takes too long has one too."""
        with closing(self.messages(runs, run_context, is_stopping)) as messages:
            for message in messages:
                if isinstance(message, Outcome):
                    yield message
                else:
                    emit(message)

    def messages(
        self, runs: Sequence[Run], run_context: RunContext, is_stopping: IsStopping = never
    ) -> Generator[Event | Outcome, None, None]:
        """Yield the events and outcomes of the runs in the order in which they happen."""
        waiting = deque(run_groups(runs))
        active: list[Job] = []
        ending: list[RunProcess] = []  # have sent their outcome
        try:
            while True:
                while waiting and not is_stopping():
                    group = waiting[0]
                    share = self._cores.share_for(group, active)
                    if share is None:
                        break
                    if group[0].is_alone or any(run.cell.device != "cpu" for run in group):
                        _close_all(ending)  # a GPU's memory is free once the process is gone
                    yield from (Started(run.run_id) for run in group)
                    active.append(self._start(waiting.popleft(), run_context, share))
                    _close_all(ending)
                if not active:
                    return
                for job, process in _ready(active):
                    message = process.receive()
                    job.advance(process, message)
                    if isinstance(message, Outcome):
                        ending.append(process)
                        if text := process.printed():
                            yield Printed(message.run_id, text)
                    if not job.processes:
                        active.remove(job)
                    if isinstance(message, Event | Outcome):
                        yield message
        finally:
            _close_all(ending)
            for job in active:
                _close_all(job.processes)

    def _start(self, group: Sequence[Run], run_context: RunContext, share: Share) -> Job:
        """Start the processes of a group of runs."""
        keys = {(run.cell.dataset.label, run.cell.normalisation) for run in group}
        context = replace(
            run_context,
            jobs=run_context.jobs * share.jobs,
            shared_images=self._shared_images.paths(keys),
        )
        pinned = share.cores if share.jobs > 1 else frozenset()
        processes = [RunProcess(self._context(run), run, context, pinned) for run in group]
        if group[0].kind == "block":
            return SetJob(share, processes, self._permission)
        return Job(share, processes)

    def _context(self, run: Run) -> BaseContext:
        """Fork from the server, or spawn for another spin count, which is read only once."""
        is_servers = spin_variables(run.cell.spin_count) == self._variables
        return self._forking if is_servers else self._spawning

    def close(self) -> None:
        """Release the shared images; the server ends with this process."""
        self._shared_images.close()


def _close_all(processes: list[RunProcess]) -> None:
    while processes:
        processes.pop().close()


class _Cores:
    """The cores that this process may use, divided evenly between jobs."""

    def __init__(self, jobs: int) -> None:
        available = usable_cores()
        each = core_count() // jobs
        self._jobs = jobs
        self._shares = [frozenset(available[i * each : (i + 1) * each]) for i in range(jobs)]
        self._all = Share(frozenset(available), 1)

    def share_for(self, group: Sequence[Run], active: Sequence[Job]) -> Share | None:
        """Return free cores for runs: enough for their threads, or all; None while they wait."""
        if self._jobs > 1 and not group[0].is_alone:
            threads = max(int(run.cell.threads) for run in group)
            cores: frozenset[int] = frozenset()
            for share in self._shares:
                if not any(share & job.share.cores for job in active):
                    cores |= share
                    if len(cores) >= threads:
                        return Share(cores, self._jobs)
        return None if active else self._all


def _ready(active: Sequence[Job]) -> list[tuple[Job, RunProcess]]:
    """Wait for messages or limits; return the processes that have one."""
    processes = [(job, process) for job in active for process in job.processes]
    limits = [process.left_s for _, process in processes if process.left_s is not None]
    connections = [process.child.connection for _, process in processes]
    connection.wait(connections, min(limits, default=None))
    return [(job, p) for job, p in processes if p.child.has_message() or p.left_s == 0]


def forking_context() -> BaseContext:
    """Return the context that forks processes from a server with torch; else one that spawns."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # And what this process has imported, since every run imports its main module.
    own = [name for name in sys.modules if name.partition(".")[0] == "bench"]
    context.set_forkserver_preload([*PRELOADED, *own, "bench.execute.forkserver_preload"])
    return context


def _check_components(
    connection: Connection,
    cells: Sequence[Cell],
    shapes: Shapes,
    metrics: Sequence[MetricChoice],
    output: Path,
) -> None:
    from bench.execute.component_checks import check_components

    end_with_parent()
    with output.open("ab") as file, captured(file):
        problems = check_components(cells, shapes, metrics)
    send(connection, problems)
