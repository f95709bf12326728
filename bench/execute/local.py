"""Every run in a fresh process of its own, forked from a server that has imported torch.

The server itself starts no thread and touches no device, so that a fork of it is as good as a
new process and costs milliseconds instead of the seconds that importing torch takes.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

from bench.execute.executor import Emit, Event, Started, Workplace
from bench.records import Outcome
from bench.study.plan import PlannedCell, Run

GRACE_S = 5.0

# NumPy's BLAS would start a thread as soon as it is imported; training uses torch's own.
SERVER_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}

# What every run imports. The last is what torch imports when the first optimizer is made, which
# would cost each run more than a second.
PRELOADED = [
    "bench.execute.run",
    "bench.optim.optimizers",
    "bench.optim.schedules",
    "torch._dynamo",
]


class LocalExecutor:
    """Executes one run at a time, each in a process of its own."""

    def __init__(self) -> None:
        self._context = _context()

    def check(self, cells: Sequence[PlannedCell]) -> list[str]:
        """Build every cell's network once, in a process of its own."""
        with _Child(self._context, _check, cells) as child:
            message = child.receive(None)
            if message is None:
                return [f"a network could not be built: {child.death()}"]
            return list(message)

    def execute(self, runs: Sequence[Run], workplace: Workplace, emit: Emit) -> Iterator[Outcome]:
        """Execute the runs in order; a run that dies or takes too long is an outcome too."""
        for run in runs:
            emit(Started(run.run_id))
            yield self._execute(run, workplace, emit)

    def _execute(self, run: Run, workplace: Workplace, emit: Emit) -> Outcome:
        started = time.monotonic()
        deadline = None if run.timeout_s is None else started + run.timeout_s
        with _Child(self._context, _execute, run, workplace) as child:
            while True:
                try:
                    message = child.receive(deadline)
                except TimeoutError:
                    reason = f"took longer than limits.trial_timeout, {run.timeout_s:g} s"
                    return run.ended("timeout", reason, time.monotonic() - started)
                if message is None:
                    return run.ended("failed", child.death(), time.monotonic() - started)
                if isinstance(message, Outcome):
                    return message
                emit(message)


class _Child:
    """A process that sends messages; ended, whatever happens, when the block is left."""

    def __init__(self, context: BaseContext, work: Callable[..., None], *args: Any) -> None:
        self._receiver, sender = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(target=work, args=(sender, *args))  # type: ignore[attr-defined]
        self._process.start()
        sender.close()
        self._finished = False

    def __enter__(self) -> "_Child":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # One that gave its result ends by itself; any other is ended.
        self._process.join(GRACE_S if kind is None and self._finished else 0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._receiver.close()

    def receive(self, deadline: float | None) -> Any:
        """Wait for the next message; None when the process ended without one.

        Raises TimeoutError at the deadline.
        """
        left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not self._receiver.poll(left_s):
            raise TimeoutError
        try:
            message = self._receiver.recv()
        except EOFError:
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


def _context() -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    os.environ.update(SERVER_ENVIRONMENT)  # for the server, which starts with the first run
    return context


def _execute(sender: Connection, run: Run, workplace: Workplace) -> None:
    from bench.execute.run import execute

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    sender.send(execute(run, workplace, sender.send))


def _check(sender: Connection, cells: Sequence[PlannedCell]) -> None:
    from bench.execute.set_up import check

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sender.send(check(cells))
