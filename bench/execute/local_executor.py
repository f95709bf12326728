"""The executor that executes every run in a fresh process, forked from a server with torch.

The server starts no thread and touches no device, so that a fork of it is as good as a new
process and costs milliseconds instead of the seconds that importing torch takes.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bench.execute.captured_output import captured, new_output_file, pop_output, with_output
from bench.execute.executor import Emit, Event, IsStopping, Printed, RunContext, Started, never
from bench.measure.machine import core_count, usable_cores
from bench.measure.openmp_spin import environment, spin_variables
from bench.measure.resources import Resources, local_resources
from bench.models import MODELS
from bench.records import Outcome, Status
from bench.study.runs import Run
from bench.study.spec import Cell

if sys.platform == "linux":
    import fcntl

GRACE_S = 5.0

# Imported by every run. torch imports the last one with the first optimizer, which would cost
# each run more than a second.
PRELOADED = (
    "bench.execute.single_run",
    "bench.optim.optimizers",
    "bench.optim.schedules",
    "bench.models.initialisation",
    *sorted({entry.target.partition(":")[0] for entry in MODELS.values()}),
    "torch._dynamo",
)


class LocalExecutor:
    """Executes each run in its own process, up to `jobs` of them at a time.

    Each of several jobs has its own share of the cores. Runs that are timed or counted run alone,
    unless the study's `timing.alone` is off.
    """

    def __init__(self, jobs: int = 1) -> None:
        self._jobs = jobs
        self._forking = _forking_context()
        self._spawning = multiprocessing.get_context("spawn")
        self._variables = spin_variables()  # of the server and its forks
        self._cores = _Cores(jobs)

    def resources(self, cells: Sequence[Cell]) -> Resources:
        """Return this machine."""
        return local_resources(self._jobs)

    def check(self, cells: Sequence[Cell]) -> list[str]:
        """Build every cell's network once, in a separate process."""
        output = new_output_file()
        args = (cells, output)
        with closing(_Child(self._forking, _check_models, args, self._variables)) as child:
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
        waiting = deque(runs)
        active: list[_Job] = []
        ending: list[_Job] = []  # have sent their outcome
        try:
            while True:
                while waiting and not is_stopping():
                    run = waiting[0]
                    share = self._cores.share_for(run, active)
                    if share is None:
                        break
                    if run.is_alone or run.cell.device != "cpu":
                        _close_all(ending)  # a GPU's memory is free once the process is gone
                    yield Started(run.run_id)
                    active.append(_Job(self._context(run), waiting.popleft(), run_context, share))
                    _close_all(ending)
                if not active:
                    return
                for job in _ready(active):
                    message = job.receive()
                    if isinstance(message, Outcome):
                        active.remove(job)
                        ending.append(job)
                        if text := job.printed():
                            yield Printed(message.run_id, text)
                    if message is not None:
                        yield message
        finally:
            _close_all(ending)
            _close_all(active)

    def _context(self, run: Run) -> BaseContext:
        """Fork from the server, or spawn for another spin count, which is read only once."""
        is_servers = spin_variables(run.cell.spin_count) == self._variables
        return self._forking if is_servers else self._spawning

    def close(self) -> None:
        """Release nothing: the server ends with this process."""


def _close_all(jobs: "list[_Job]") -> None:
    while jobs:
        jobs.pop().close()


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

    def share_for(self, run: Run, active: Sequence["_Job"]) -> "_Share | None":
        """Return free cores for a run: enough for its threads, or all; None while it must wait."""
        if self._jobs > 1 and not run.is_alone:
            cores: frozenset[int] = frozenset()
            for share in self._shares:
                if not any(share & job.share.cores for job in active):
                    cores |= share
                    if len(cores) >= int(run.cell.threads):
                        return _Share(cores, self._jobs)
        return None if active else self._all


class _Job:
    """A run that is active in its own process."""

    def __init__(
        self, context: BaseContext, run: Run, run_context: RunContext, share: _Share
    ) -> None:
        self.share = share
        self._run = run
        self._started_s = time.monotonic()
        pinned = share.cores if share.jobs > 1 else frozenset()
        self._run_context = replace(run_context, jobs=run_context.jobs * share.jobs)
        self._output = new_output_file()
        args = (run, self._run_context, pinned, self._output)
        self.child = _Child(context, _execute_run, args, spin_variables(run.cell.spin_count))

    @property
    def left_s(self) -> float | None:
        """Seconds until the run's limit; None without one."""
        if self._run.timeout_s is None:
            return None
        return max(0.0, self._started_s + self._run.timeout_s - time.monotonic())

    def receive(self) -> Event | Outcome | None:
        """Return the next message, if there is one; the outcome is the last."""
        if self.left_s == 0:
            self.close()
            reason = f"took longer than limits.trial_timeout, {self._run.timeout_s:g} s"
            return self._ended("timeout", reason)
        if not self.child.has_message():
            return None
        message: Event | Outcome | None = self.child.receive()
        return self._ended("failed", self.child.exit_reason()) if message is None else message

    def printed(self) -> str:
        """Return what the run's process printed."""
        return pop_output(self._output)

    def _ended(self, status: Status, reason: str) -> Outcome:
        elapsed_s = time.monotonic() - self._started_s
        return self._run_context.mark(self._run.ended(status, reason, elapsed_s))

    def close(self) -> None:
        """End the process, whatever it does."""
        self.child.close()
        self._output.unlink(missing_ok=True)


def _ready(active: Sequence[_Job]) -> list[_Job]:
    """Wait for messages or limits; return the jobs that have one."""
    limits = [job.left_s for job in active if job.left_s is not None]
    connection.wait([job.child.receiver for job in active], min(limits, default=None))
    return [job for job in active if job.child.has_message() or job.left_s == 0]


class _Child:
    """A process that sends messages; closing it ends it, whatever it does."""

    def __init__(
        self,
        context: BaseContext,
        target: Callable[..., None],
        args: tuple[Any, ...],
        variables: Mapping[str, str],
    ) -> None:
        self.receiver, sender = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(target=target, args=(sender, *args))  # type: ignore[attr-defined]
        # For the server too, which starts with the first process.
        with _sigint_blocked(), environment({**own_variables(), **variables}):
            self._process.start()
        sender.close()
        self._finished = False

    def close(self) -> None:
        """End the process and its children; one that sent its result may end by itself."""
        if self.receiver.closed:
            return
        self._process.join(GRACE_S if self._finished else 0)
        _kill(self._process)
        self._process.join()
        self.receiver.close()

    def has_message(self) -> bool:
        """Return whether a message is there, or the process ended."""
        return self.receiver.poll(0)

    def receive(self) -> Any:
        """Wait for the next message; None if the process ended without one."""
        try:
            message = self.receiver.recv()
        except (EOFError, OSError):  # the end, or one in the middle of a message
            message = None
        self._finished = not isinstance(message, Event)
        return message

    def exit_reason(self) -> str:
        """Describe how the process ended."""
        self._process.join(GRACE_S)
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = "; perhaps the system ran out of memory" if name == "SIGKILL" else ""
            return f"the process was ended by {name}{hint}"
        return f"the process ended with exit code {code} before it returned a result"


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Block Ctrl-C, which a terminal sends to every process, in what is started meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # if started later, it unblocks the signal again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill(process: BaseProcess) -> None:
    """Kill a process and the group that it leads."""
    if process.pid is not None and hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def own_variables() -> dict[str, str]:
    """Return the environment variables of the server and of spawned runs.

    NumPy's BLAS would start a thread when it is imported; training uses torch's own. Modules of
    the current folder must not hide Python's own, unless bench itself is only there.
    """
    has_bench = Path(__file__).parents[2] == Path.cwd()
    return {"OPENBLAS_NUM_THREADS": "1"} | ({} if has_bench else {"PYTHONSAFEPATH": "1"})


def _forking_context() -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # And what this process has imported, since every run imports its main module.
    own = [name for name in sys.modules if name.partition(".")[0] == "bench"]
    context.set_forkserver_preload([*PRELOADED, *own, "bench.execute.forkserver_preload"])
    return context


def _execute_run(
    sender: Connection, run: Run, run_context: RunContext, pinned: frozenset[int], output: Path
) -> None:
    from bench.execute.single_run import execute_run

    _end_with_parent()
    if run_context.visible_gpus is not None:  # the server may be older than the parent's share
        os.environ["CUDA_VISIBLE_DEVICES"] = run_context.visible_gpus
    if pinned and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, pinned)
    with output.open("ab") as file, captured(file):
        outcome = execute_run(run, run_context, partial(_send, sender))
    _send(sender, outcome)


def _check_models(sender: Connection, cells: Sequence[Cell], output: Path) -> None:
    from bench.execute.training_setup import check_models

    _end_with_parent()
    with output.open("ab") as file, captured(file):
        problems = check_models(cells)
    _send(sender, problems)


def _send(sender: Connection, message: Any) -> None:
    """Send a message; end if nobody receives it, as after Ctrl-C during the start."""
    try:
        sender.send(message)
    except BrokenPipeError:
        raise SystemExit(0) from None


def _end_with_parent() -> None:
    """Lead a process group that ends when the parent does, however that ends.

    The parent handles Ctrl-C. When it dies, the system closes its end of the pipe through which
    multiprocessing watches it; on Linux that sends SIGKILL to the group.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None or sys.platform != "linux":
        return
    os.setpgid(0, 0)
    fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(parent.sentinel, fcntl.F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
    fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
    if not parent.is_alive():  # it died before that took effect
        os.killpg(0, signal.SIGKILL)
