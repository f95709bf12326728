"""Child processes that exchange messages with this one, and end with it."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bench.measure.openmp_spin import environment

if sys.platform == "linux":
    import fcntl

GRACE_S = 5.0
STOPPED_S = 1.0  # at most, for a process to stop


class ChildProcess:
    """A process that sends messages; closing it ends it, whatever it does."""

    def __init__(
        self,
        context: BaseContext,
        target: Callable[..., None],
        args: tuple[Any, ...],
        variables: Mapping[str, str],
    ) -> None:
        self.connection, others_end = context.Pipe()
        self._process: BaseProcess = context.Process(target=target, args=(others_end, *args))  # type: ignore[attr-defined]
        # For the server too, which starts with the first process.
        with _sigint_blocked(), environment({**own_variables(), **variables}):
            self._process.start()
        others_end.close()

    def close(self, *, has_finished: bool = True) -> None:
        """End the process and its children; one that has finished may end by itself."""
        if self.connection.closed:
            return
        self._process.join(GRACE_S if has_finished else 0)
        _signal(self._process, signal.SIGKILL)
        self._process.join()
        self.connection.close()

    def has_message(self) -> bool:
        """Return whether a message is there, or the process ended."""
        return self.connection.poll(0)

    def receive(self) -> Any:
        """Wait for the next message; None if the process ended without one."""
        try:
            message = self.connection.recv()
        except (EOFError, OSError):  # the end, or one in the middle of a message
            message = None
        return message

    def send(self, message: Any) -> None:
        """Send a message; a process that has ended gets none."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def stop(self) -> None:
        """Let the process and its children use no core until `resume`.

        On a busy machine the process may still be running, since it stops only once it has a core:
        where the system shows that (Linux), wait for it.
        """
        _signal(self._process, signal.SIGSTOP)
        until_s = time.monotonic() + STOPPED_S
        while _is_running(self._process) and time.monotonic() < until_s:
            os.sched_yield()

    def resume(self) -> None:
        """Let a stopped process and its children go on."""
        _signal(self._process, signal.SIGCONT)

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


def _signal(process: BaseProcess, number: int) -> None:
    """Send a signal to a process and to the group that it leads."""
    if process.pid is None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    if process.exitcode is None:  # afterwards, its number may be another one's
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _is_running(process: BaseProcess) -> bool:
    """Return whether a process that is to stop has neither stopped nor ended, proc_pid_stat(5)."""
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:  # it has ended, or there is no /proc
        return False
    return stat.rpartition(")")[2].split()[0] in "RSD"


def own_variables() -> dict[str, str]:
    """Return the environment variables of the server and of spawned runs.

    NumPy's BLAS would start a thread when it is imported; training uses torch's own. Modules of
    the current folder must not hide Python's own, unless bench itself is only there.
    """
    has_bench = Path(__file__).parents[2] == Path.cwd()
    return {"OPENBLAS_NUM_THREADS": "1"} | ({} if has_bench else {"PYTHONSAFEPATH": "1"})


def send(connection: Connection, message: Any) -> None:
    """Send a message; end if nobody receives it, as after Ctrl-C during the start."""
    try:
        connection.send(message)
    except BrokenPipeError:
        raise SystemExit(0) from None


def end_with_parent() -> None:
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
