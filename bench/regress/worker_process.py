"""The process that loads a suite in a worktree and runs its benchmarks in time slices."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, Self

import numpy as np

from bench.errors import BenchError
from bench.measure.allocator import allocator_variables
from bench.measure.git_commands import git_environment
from bench.measure.openmp_spin import spin_variables
from bench.regress import pytest_worker
from bench.regress.benchmark_names import printable
from bench.regress.benchmark_samples import MissingSample, Role, Rounds
from bench.regress.stored_benchmarks import Session, read_session
from bench.regress.worktrees import Worktree, Worktrees

LAST_LINES = 15  # of the output of a process that died
MISSING_PLUGIN = ("No module named 'pytest", "unrecognized arguments: --benchmark")
NEEDED = "A suite needs pytest and pytest-benchmark: `pip install pytest-benchmark`."


@dataclass(frozen=True)
class Slice:
    """How a time slice of a benchmark ended; `rounds` are all of the benchmark, at its end."""

    duration_s: float = 0.0
    is_last: bool = True
    failures: Sequence[MissingSample] = ()
    rounds: Rounds | None = None


class WorkerProcess:
    """A fresh process with a suite loaded; runs one benchmark at a time, in time slices."""

    def __init__(self, trees: Worktrees, role: Role, pair: int, arguments: Sequence[str]) -> None:
        self._side = trees.head if role == "head" else trees.base
        self._role = role
        self._log = trees.scratch / f"{pair}-{role}.log"
        self._json = trees.scratch / f"{pair}-{role}.json"
        self._channel, worker_end = Pipe()
        task = {
            "channel": worker_end.fileno(),
            "tree": str(self._side.tree),
            "repository": str(trees.repository),
            "tell_software": trees.base.python != trees.head.python,
            "arguments": [
                *arguments,
                f"--benchmark-json={self._json}",
                f"--benchmark-storage={trees.scratch / 'stored'}",
            ],
        }
        with worker_end, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._side.python, "-P", pytest_worker.__file__, json.dumps(task)],
                cwd=self._side.folder,
                env={
                    **worker_environment(trees, self._side, pair),
                    **spin_variables(),  # the others need its cores as soon as its slice is over
                    **allocator_variables(),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[worker_end.fileno()],
                start_new_session=True,  # the gate handles Ctrl-C, and kills it with its children
            )
        self.is_alive = True
        self._benchmark = ""  # that runs
        self._last_message: Mapping[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._channel.close()

    def collected(self) -> list[str]:
        """Wait for the names of the benchmarks; raises BenchError if the suite can't be loaded."""
        message = self._receive()
        if message is None or "collected" not in message:
            output = self._last_lines()
            is_missing_plugin = any(sign in output for sign in MISSING_PLUGIN)
            raise BenchError(
                f"the suite can't be loaded; the last lines of pytest's output:\n{output}",
                where=self._side.description,
                hint=NEEDED if is_missing_plugin else self._side.missing_submodules(),
            )
        return list(message["collected"])

    def run(self, request: str | int) -> Slice:
        """Start a benchmark by its name, or grant it some rounds; return when the slice is over.

        Failures may be of the benchmark before, whose fixtures are torn down only now.
        """
        if isinstance(request, str):
            self._benchmark = request
        self._send(request)
        message = self._receive()
        if message is None:
            reason = f"its process died ({self._cause_of_death()})"
            return Slice(failures=[MissingSample(self._role, self._benchmark, "failed", reason)])
        if "slice_s" in message:
            return Slice(message["slice_s"], is_last=False)
        rounds = {name: np.array(values) for name, values in message.get("rounds", {}).items()}
        return Slice(failures=self._failures(message), rounds=Rounds(**rounds) if rounds else None)

    def finish(self) -> None:
        """Request pytest to write its file; `session` waits for that."""
        if self.is_alive:
            self._send(None)

    def session(self) -> Session | None:
        """Read the measurements; None if there are none.

        Raises BenchError if code from elsewhere was loaded, or the process died at the end.
        """
        if self.is_alive:
            message = self._receive()
            if message is None:
                raise BenchError(
                    f"pytest's process died before it stored its measurements "
                    f"({self._cause_of_death()}); the last lines of its output:\n"
                    f"{self._last_lines()}",
                    where=self._side.description,
                )
            self._last_message = message
        for name, path in self._last_message.get("strange", {}).items():
            raise BenchError(
                f"would measure code from elsewhere: {name} comes from {path}",
                where=self._side.description,
                hint="Install the repository with `pip install -e .`, or not at all.",
            )
        is_written = self._json.is_file() and self._json.stat().st_size > 0
        return read_session(self._json) if is_written else None

    def final_failures(self) -> list[MissingSample]:
        """Return the failures when the session was torn down."""
        return self._failures(self._last_message)

    def software(self) -> Mapping[str, str]:
        """Return the versions of Python and loaded packages; empty if both sides share them."""
        return dict(self._last_message.get("software", {}))

    def _failures(self, message: Mapping[str, Any]) -> list[MissingSample]:
        return [
            MissingSample(self._role, name, status, printable(reason))
            for name, status, reason in message.get("failures", ())
        ]

    def _send(self, request: str | int | None) -> None:
        with suppress(BrokenPipeError):  # it died while it waited, as `_receive` will find
            self._channel.send(request)

    def _receive(self) -> dict[str, Any] | None:
        """Wait for a message; None if the process has ended."""
        try:
            message: dict[str, Any] = self._channel.recv()
        except (EOFError, OSError):
            self.is_alive = False
            return None
        return message

    def _cause_of_death(self) -> str:
        code = self._process.wait()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _last_lines(self) -> str:
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.strip().splitlines()[-LAST_LINES:])


def worker_environment(trees: Worktrees, side: Worktree, pair: int) -> dict[str, str]:
    """Return environment variables: imports from the worktree, and equal seeds within a pair."""
    own = [path for path in (side.folder / "src", side.folder) if path.is_dir()]
    entries = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    paths = [*own, *(trees.translate(Path(entry).absolute(), side) for entry in entries)]
    # pytest-benchmark measures nothing if it believes to be one of pytest-xdist's workers.
    kept = {k: v for k, v in git_environment().items() if not k.startswith("PYTEST_XDIST")}
    changed = {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(map(str, paths))),
        "PYTHONHASHSEED": str(pair),
        "BENCH_SEED": str(pair),
    }
    if data_dir := os.environ.get("BENCH_DATA_DIR"):
        changed["BENCH_DATA_DIR"] = str(Path(data_dir).absolute())
    return {**kept, **changed}
