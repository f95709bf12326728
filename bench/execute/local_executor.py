"""Every run in a fresh process of its own, forked from a server that has imported torch.

The server itself starts no thread and touches no device, so that a fork of it is as good as a
new process and costs milliseconds instead of the seconds that importing torch takes.
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

from bench.execute.captured_output import caught, new_file, taken, with_printed
from bench.execute.executor import Emit, Event, Printed, RunContext, Started, Stopping, never
from bench.measure.machine import core_count, usable_cores
from bench.measure.openmp_spin import environment, spin_variables
from bench.measure.resources import Resources, local_resources
from bench.models import MODELS
from bench.records import Outcome, Status
from bench.study.runs import PlannedCell, Run
from bench.study.spec import Cell

if sys.platform == "linux":
    import fcntl

GRACE_S = 5.0


# What every run imports. The last is what torch imports when the first optimizer is made, which
# would cost each run more than a second.
PRELOADED = (
    "bench.execute.single_run",
    "bench.optim.optimizers",
    "bench.optim.schedules",
    "bench.models.initialisation",
    *sorted({entry.target.partition(":")[0] for entry in MODELS.values()}),
    "torch._dynamo",
)


class LocalExecutor:
    """Executes each run in a process of its own, up to `jobs` of them at a time.

    With several jobs each has its own share of the cores. What is timed or counted runs alone,
    unless the study's `timing.alone` is off.
    """

    def __init__(self, jobs: int = 1) -> None:
        self._jobs = jobs
        self._context = _context()
        self._spawning = multiprocessing.get_context("spawn")
        self._variables = spin_variables()  # of the server, and so of all that it forks
        self._cores = _Cores(jobs)

    def site(self, cells: Sequence[Cell]) -> Resources:
        """Look at this machine."""
        return local_resources(self._jobs)

    def check(self, cells: Sequence[PlannedCell]) -> list[str]:
        """Build every cell's network once, in a process of its own."""
        output = new_file()
        variables = self._variables
        with closing(_Child(self._context, _check, cells, output, variables=variables)) as child:
            message = child.receive()
            death = f"a network could not be built: {child.death()}" if message is None else ""
        return with_printed([death] if message is None else list(message), taken(output))

    def execute(
        self,
        runs: Sequence[Run],
        run_context: RunContext,
        emit: Emit,
        is_stopping: Stopping = never,
    ) -> Generator[Outcome, None, None]:
        """Give outcomes as they come; a run that dies or takes too long is an outcome too."""
        with closing(self.news(runs, run_context, is_stopping)) as news:
            for told in news:
                if isinstance(told, Outcome):
                    yield told
                else:
                    emit(told)

    def news(
        self, runs: Sequence[Run], run_context: RunContext, is_stopping: Stopping = never
    ) -> Generator[Event | Outcome, None, None]:
        """Give all that is told of the runs, in the order in which it happens."""
        waiting = deque(runs)
        going: list[_Job] = []
        leaving: list[_Job] = []  # have given their outcome, and only have to end
        try:
            while True:
                while waiting and not is_stopping():
                    run = waiting[0]
                    share = self._cores.free_for(run, going)
                    if share is None:
                        break
                    if run.is_alone or run.planned.cell.device != "cpu":
                        _see_off(leaving)  # a GPU's memory is free only once the process is gone
                    yield Started(run.run_id)
                    going.append(_Job(self._context_of(run), waiting.popleft(), run_context, share))
                    _see_off(leaving)
                if not going:
                    return
                for job in _with_news(going):
                    told = job.advance()
                    if isinstance(told, Outcome):
                        going.remove(job)
                        leaving.append(job)
                        if text := job.printed():
                            yield Printed(told.run_id, text)
                    if told is not None:
                        yield told
        finally:
            _see_off(leaving)
            _see_off(going)

    def _context_of(self, run: Run) -> BaseContext:
        """Fork from the server, or start anew for another spin count, which is read only once."""
        is_servers = spin_variables(run.planned.cell.spin_count) == self._variables
        return self._context if is_servers else self._spawning

    def close(self) -> None:
        """Hold nothing: the server that runs are forked from ends with this process."""


def _see_off(jobs: "list[_Job]") -> None:
    while jobs:
        jobs.pop().close()


@dataclass(frozen=True)
class _Share:
    """The cores of one job, and how many jobs there may be beside it, itself among them."""

    cores: frozenset[int]
    jobs: int


class _Cores:
    """The cores that this process may use, dealt out evenly."""

    def __init__(self, jobs: int) -> None:
        available = usable_cores()
        each = core_count() // jobs
        self._jobs = jobs
        self._shares = [frozenset(available[i * each : (i + 1) * each]) for i in range(jobs)]
        self._alone = _Share(frozenset(available), 1)

    def free_for(self, run: Run, going: Sequence["_Job"]) -> "_Share | None":
        """Find the cores for a run: enough for its threads, or all; None while it has to wait."""
        if self._jobs == 1 or run.is_alone:
            return None if going else self._alone
        cores: frozenset[int] = frozenset()
        for share in self._free(going):
            cores |= share
            if len(cores) >= int(run.planned.cell.threads):
                return _Share(cores, self._jobs)
        return None if going else self._alone

    def _free(self, going: Sequence["_Job"]) -> list[frozenset[int]]:
        return [s for s in self._shares if not any(s & job.share.cores for job in going)]


class _Job:
    """A run that goes on in a process of its own."""

    def __init__(
        self, context: BaseContext, run: Run, run_context: RunContext, share: _Share
    ) -> None:
        self.share = share
        self._run = run
        self._started_s = time.monotonic()
        pinned = share.cores if share.jobs > 1 else frozenset()
        self._run_context = replace(run_context, jobs=run_context.jobs * share.jobs)
        variables = spin_variables(run.planned.cell.spin_count)
        self._output = new_file()
        self.child = _Child(
            context, _execute, run, self._run_context, pinned, self._output, variables=variables
        )

    @property
    def left_s(self) -> float | None:
        """Seconds to the run's limit; None where it has none."""
        if self._run.timeout_s is None:
            return None
        return max(0.0, self._started_s + self._run.timeout_s - time.monotonic())

    def advance(self) -> Event | Outcome | None:
        """Take the next message, if there is one; the outcome is the last."""
        if self.left_s == 0:
            self.close()
            reason = f"took longer than limits.trial_timeout, {self._run.timeout_s:g} s"
            return self._ended("timeout", reason)
        if not self.child.has_news():
            return None
        told: Event | Outcome | None = self.child.receive()
        return self._ended("failed", self.child.death()) if told is None else told

    def printed(self) -> str:
        """Give what the run's process has printed."""
        return taken(self._output)

    def _ended(self, status: Status, reason: str) -> Outcome:
        return self._run_context.mark(self._run.ended(status, reason, self._elapsed_s()))

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    def close(self) -> None:
        """End the process, whatever it does."""
        self.child.close()
        self._output.unlink(missing_ok=True)


def _with_news(going: Sequence[_Job]) -> list[_Job]:
    """Wait until a run has sent something or reached its limit; gives those that have."""
    limits = [job.left_s for job in going if job.left_s is not None]
    connection.wait([job.child.receiver for job in going], min(limits, default=None))
    return [job for job in going if job.child.has_news() or job.left_s == 0]


class _Child:
    """A process that sends messages; ended, whatever it does, when it is closed."""

    def __init__(
        self,
        context: BaseContext,
        work: Callable[..., None],
        *args: Any,
        variables: Mapping[str, str],
    ) -> None:
        self.receiver, sender = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(target=work, args=(sender, *args))  # type: ignore[attr-defined]
        # For the server, too, which starts with the first process.
        with _deaf_to_ctrl_c(), environment({**own_variables(), **variables}):
            self._process.start()
        sender.close()
        self._finished = False

    def close(self) -> None:
        """End it with all that it started; one that gave its result is let end by itself."""
        if self.receiver.closed:
            return
        self._process.join(GRACE_S if self._finished else 0)
        _kill(self._process)
        self._process.join()
        self.receiver.close()

    def has_news(self) -> bool:
        """Tell whether a message is there, or the process ended."""
        return self.receiver.poll(0)

    def receive(self) -> Any:
        """Wait for the next message; None when the process ended without one."""
        try:
            message = self.receiver.recv()
        except (EOFError, OSError):  # the end, or one in the middle of a message
            message = None
        self._finished = not isinstance(message, Event)
        return message

    def death(self) -> str:
        """Say how the process ended."""
        self._process.join(GRACE_S)
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = "; perhaps the system ran out of memory" if name == "SIGKILL" else ""
            return f"the process was ended by {name}{hint}"
        return f"the process ended with exit code {code} before it gave a result"


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Keep Ctrl-C, which a terminal sends to all that was started here, from what starts now."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # where it is started later, it unblocks the signal again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill(process: BaseProcess) -> None:
    """Kill a process and its group, which it leads unless it was too young for that."""
    if process.pid is not None and hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def own_variables() -> dict[str, str]:
    """Return the environment variables of the server, and of what is started without it.

    NumPy's BLAS would start a thread as soon as it is imported; training uses torch's own. No
    module of the folder that bench was started in hides one of Python's own, unless only that
    folder has bench.
    """
    has_bench = Path(__file__).parents[2] == Path.cwd()
    return {"OPENBLAS_NUM_THREADS": "1"} | ({} if has_bench else {"PYTHONSAFEPATH": "1"})


def _context() -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # And what this process has imported by now, since its main module is imported by each run.
    own = [name for name in sys.modules if name.partition(".")[0] == "bench"]
    context.set_forkserver_preload([*PRELOADED, *own, "bench.execute.forkserver_preload"])
    return context


def _execute(
    sender: Connection, run: Run, run_context: RunContext, pinned: frozenset[int], output: Path
) -> None:
    from bench.execute.single_run import execute

    _follow_parent()
    if run_context.visible_gpus is not None:  # this process may be older than the parent's share
        os.environ["CUDA_VISIBLE_DEVICES"] = run_context.visible_gpus
    if pinned and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, pinned)
    tell = partial(_tell, sender)
    with output.open("ab") as file, caught(file):
        outcome = execute(run, run_context, tell)
    tell(outcome)


def _check(sender: Connection, cells: Sequence[PlannedCell], output: Path) -> None:
    from bench.execute.training_setup import check

    _follow_parent()
    with output.open("ab") as file, caught(file):
        problems = check(cells)
    _tell(sender, problems)


def _tell(sender: Connection, message: Any) -> None:
    """Send a message; end where nobody listens any more, as after Ctrl-C while this one started."""
    try:
        sender.send(message)
    except BrokenPipeError:
        raise SystemExit(0) from None


def _follow_parent() -> None:
    """Lead a process group that ends when the parent does, however that ends.

    Ctrl-C is the parent's to answer. Where the parent dies, the system closes its end of the
    pipe by which multiprocessing watches it, and on Linux sends the group SIGKILL for that.
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
    if not parent.is_alive():  # it died before the system was asked
        os.killpg(0, signal.SIGKILL)
