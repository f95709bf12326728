"""The executor that executes every run in a fresh process, forked from a server with torch.

The processes of a timing set are alive together and take turns; those that wait are stopped, so
that neither a thread that spins nor a worker that loads ahead uses a core.

The server starts no thread and touches no device, so that a fork of it is as good as a new
process and costs milliseconds instead of the seconds that importing torch takes.
"""

import multiprocessing
import os
import sys
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path

from bench.data.shared_images import SharedImages
from bench.execute.captured_output import captured, new_output_file, pop_output, with_output
from bench.execute.child_process import ChildProcess, end_with_parent, send
from bench.execute.executor import Emit, Event, IsStopping, Printed, RunContext, Started, never
from bench.execute.timing_set import Command, Reply, turns
from bench.execute.turn_taking import Permission
from bench.measure.machine import core_count, usable_cores
from bench.measure.openmp_spin import spin_variables
from bench.measure.resources import Resources, local_resources
from bench.models import MODELS
from bench.records import Outcome, Status
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

    def resources(self, cells: Sequence[Cell]) -> Resources:
        """Return this machine."""
        return local_resources(self._jobs)

    def check(self, cells: Sequence[Cell]) -> list[str]:
        """Build every cell's network once, in a separate process."""
        output = new_output_file()
        args = (cells, output)
        with closing(ChildProcess(self._forking, _check_models, args, self._variables)) as child:
            message = child.receive()
            if message is None:
                message = [f"a network could not be built: {child.exit_reason()}"]
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
        active: list[_Job] = []
        ending: list[_Process] = []  # have sent their outcome
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

    def _start(self, group: Sequence[Run], run_context: RunContext, share: "_Share") -> "_Job":
        """Start the processes of a group of runs."""
        keys = {(run.cell.dataset.name, run.cell.normalisation) for run in group}
        context = replace(
            run_context,
            jobs=run_context.jobs * share.jobs,
            shared_images=self._shared_images.paths(keys),
        )
        pinned = share.cores if share.jobs > 1 else frozenset()
        processes = [_Process(self._context(run), run, context, pinned) for run in group]
        if group[0].kind == "block":
            return _SetJob(share, processes, self._permission)
        return _Job(share, processes)

    def _context(self, run: Run) -> BaseContext:
        """Fork from the server, or spawn for another spin count, which is read only once."""
        is_servers = spin_variables(run.cell.spin_count) == self._variables
        return self._forking if is_servers else self._spawning

    def close(self) -> None:
        """Release the shared images; the server ends with this process."""
        self._shared_images.close()


def _close_all(processes: "list[_Process]") -> None:
    while processes:
        processes.pop().close()


@dataclass(frozen=True)
class _Share:
    """The cores of a job, and the number of jobs that may be active at once."""

    cores: frozenset[int]
    jobs: int


class _Cores:
    """The cores that this process may use, divided evenly between jobs."""

    def __init__(self, jobs: int) -> None:
        available = usable_cores()
        each = core_count() // jobs
        self._jobs = jobs
        self._shares = [frozenset(available[i * each : (i + 1) * each]) for i in range(jobs)]
        self._all = _Share(frozenset(available), 1)

    def share_for(self, group: Sequence[Run], active: Sequence["_Job"]) -> "_Share | None":
        """Return free cores for runs: enough for their threads, or all; None while they wait."""
        if self._jobs > 1 and not group[0].is_alone:
            threads = max(int(run.cell.threads) for run in group)
            cores: frozenset[int] = frozenset()
            for share in self._shares:
                if not any(share & job.share.cores for job in active):
                    cores |= share
                    if len(cores) >= threads:
                        return _Share(cores, self._jobs)
        return None if active else self._all


class _Process:
    """The process of a run, or of a member of a timing set."""

    def __init__(
        self,
        context: BaseContext,
        run: Run,
        run_context: RunContext,
        pinned: frozenset[int],
    ) -> None:
        self.run = run
        self._run_context = run_context
        self._spent_s = 0.0
        self._since_s: float | None = time.monotonic()  # None while it waits for its turn
        self._has_finished = False
        self._output = new_output_file()
        target = _take_turns if run.kind == "block" else _execute_run
        args = (run, run_context, pinned, self._output)
        self.child = ChildProcess(context, target, args, spin_variables(run.cell.spin_count))

    @property
    def left_s(self) -> float | None:
        """Seconds until the run's limit; None without one, and while the process waits."""
        if self.run.timeout_s is None or self._since_s is None:
            return None
        return max(0.0, self.run.timeout_s - self._elapsed_s())

    def _elapsed_s(self) -> float:
        return self._spent_s + (time.monotonic() - self._since_s if self._since_s else 0.0)

    def receive(self) -> Event | Outcome | float | None:
        """Return the next message, if there is one; the outcome is the last."""
        if self.left_s == 0:
            self.child.close(has_finished=False)
            reason = f"took longer than limits.trial_timeout, {self.run.timeout_s:g} s"
            return self._ended("timeout", reason)
        if not self.child.has_message():
            return None
        message: Event | Outcome | float | None = self.child.receive()
        if message is None:
            return self._ended("failed", self.child.exit_reason())
        self._has_finished = isinstance(message, Outcome)
        return message

    def command(self, command: Command) -> None:
        """Start a turn."""
        self._since_s = time.monotonic()
        self.child.resume()
        self.child.send(command)

    def rest(self) -> None:
        """Use no core until the next turn."""
        self.child.stop()
        self._spent_s, self._since_s = self._elapsed_s(), None

    def printed(self) -> str:
        """Return what the process printed."""
        return pop_output(self._output)

    def _ended(self, status: Status, reason: str) -> Outcome:
        return self._run_context.mark(self.run.ended(status, reason, self._elapsed_s()))

    def close(self) -> None:
        """End the process, whatever it does."""
        self.child.close(has_finished=self._has_finished)
        self._output.unlink(missing_ok=True)


class _Job:
    """A run in its process."""

    def __init__(self, share: _Share, processes: list[_Process]) -> None:
        self.share = share
        self.processes = processes

    def advance(self, process: _Process, message: Event | Outcome | float | None) -> None:
        """Note a message; a process that has sent its outcome is done."""
        if isinstance(message, Outcome):
            self.processes.remove(process)


class _SetJob(_Job):
    """A timing set: its processes take turns as soon as all of them have started."""

    def __init__(self, share: _Share, processes: list[_Process], permission: Permission) -> None:
        super().__init__(share, processes)
        self._permission = permission
        self._members = tuple(processes)
        self._starting = set(processes)
        first = processes[0].run
        assert first.timing is not None
        seed, started_s = f"{first.study} {first.block}", time.perf_counter()
        is_detailed = first.is_detailed
        self._turns = turns(len(processes), first.timing, seed, started_s, is_detailed=is_detailed)
        self._next: tuple[int, Command] | None = next(self._turns)

    def advance(self, process: _Process, message: Event | Outcome | float | None) -> None:
        """Pass the turn on when a process replies, or ends."""
        super().advance(process, message)
        if not isinstance(message, Outcome | float):
            return
        if isinstance(message, float):
            process.rest()
        if process in self._starting:
            self._starting.remove(process)
        elif self._next is not None and process is self._members[self._next[0]]:
            self._send_reply(message if isinstance(message, float) else None)
        else:
            return  # it ended while it waited
        if not self._starting:
            self._grant()

    def _grant(self) -> None:
        """Give the turn to the next member that is alive."""
        while self._next is not None:
            member, command = self._next
            if self._members[member] in self.processes:
                self._permission.wait()
                self._members[member].command(command)
                return
            self._send_reply(None)

    def _send_reply(self, reply: Reply) -> None:
        try:
            self._next = self._turns.send(reply)
        except StopIteration:
            self._next = None


def _ready(active: Sequence[_Job]) -> list[tuple[_Job, _Process]]:
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


def _execute_run(
    connection: Connection, run: Run, run_context: RunContext, pinned: frozenset[int], output: Path
) -> None:
    from bench.execute.single_run import execute_run

    _prepare(run_context, pinned)
    with output.open("ab") as file, captured(file):
        outcome = execute_run(run, run_context, partial(send, connection))
    send(connection, outcome)


def _take_turns(
    connection: Connection, run: Run, run_context: RunContext, pinned: frozenset[int], output: Path
) -> None:
    from bench.execute.set_member import SetMember

    _prepare(run_context, pinned)
    with output.open("ab") as file, captured(file):
        member = SetMember(run, run_context)
        reply: float | Outcome = 0.0
        while not isinstance(reply, Outcome):
            send(connection, reply)
            reply = member.obey(connection.recv())
    send(connection, reply)


def _prepare(run_context: RunContext, pinned: frozenset[int]) -> None:
    end_with_parent()
    if run_context.visible_gpus is not None:  # the server may be older than the parent's share
        os.environ["CUDA_VISIBLE_DEVICES"] = run_context.visible_gpus
    if pinned and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, pinned)


def _check_models(connection: Connection, cells: Sequence[Cell], output: Path) -> None:
    from bench.execute.training_setup import check_models

    end_with_parent()
    with output.open("ab") as file, captured(file):
        problems = check_models(cells)
    send(connection, problems)
