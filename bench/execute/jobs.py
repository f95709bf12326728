"""Runs that are active in processes of their own: alone, or as members of a timing set.

The processes of a set are alive together and take turns; those that wait are stopped, so that
neither a thread that spins nor a worker that loads ahead uses a core.
"""

import os
import time
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path

from bench.execute.captured_output import captured, new_output_file, pop_output
from bench.execute.child_process import ChildProcess, end_with_parent, send
from bench.execute.executor import Event, RunContext
from bench.execute.timing_set import Command, Reply, turns_of_set
from bench.execute.turn_taking import Permission
from bench.measure.openmp_spin import spin_variables
from bench.records import Outcome, Status
from bench.study.runs import Run


@dataclass(frozen=True)
class Share:
    """The cores of a job, and the number of jobs that may be active at once."""

    cores: frozenset[int]
    jobs: int


class RunProcess:
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


class Job:
    """A run in its process."""

    def __init__(self, share: Share, processes: list[RunProcess]) -> None:
        self.share = share
        self.processes = processes

    def advance(self, process: RunProcess, message: Event | Outcome | float | None) -> None:
        """Note a message; a process that has sent its outcome is done."""
        if isinstance(message, Outcome):
            self.processes.remove(process)


class SetJob(Job):
    """A timing set: its processes take turns as soon as all of them have started."""

    def __init__(self, share: Share, processes: list[RunProcess], permission: Permission) -> None:
        super().__init__(share, processes)
        self._permission = permission
        self._members = tuple(processes)
        self._starting = set(processes)
        self._turns = turns_of_set([process.run for process in processes])
        self._next: tuple[int, Command] | None = next(self._turns)

    def advance(self, process: RunProcess, message: Event | Outcome | float | None) -> None:
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
