"""A side's process: starts, tells what it can run, and runs it turn by turn."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, Self

from bench.errors import BenchError
from bench.measure.git_commands import git_environment
from bench.regress import pytest_worker
from bench.regress.benchmark_names import printable
from bench.regress.benchmark_samples import Lost, Role
from bench.regress.stored_benchmarks import Session, read_session
from bench.regress.worktrees import Side, Sides, absence

LAST_LINES = 15  # of what a process wrote, where it ended before its time
SIGNS_OF_LACK = ("No module named 'pytest", "unrecognized arguments: --benchmark")
NEEDED = "The suite is run by pytest and pytest-benchmark: `pip install pytest-benchmark`."


class SideProcess:
    """A fresh process that has a side's suite loaded, and runs a benchmark when it is told to."""

    def __init__(self, sides: Sides, role: Role, pair: int, arguments: Sequence[str]) -> None:
        self._side = sides.head if role == "head" else sides.base
        self._role = role
        self._log = sides.scratch / f"{pair}-{role}.log"
        self._json = sides.scratch / f"{pair}-{role}.json"
        self._channel, theirs = Pipe()
        task = {
            "channel": theirs.fileno(),
            "tree": str(self._side.tree),
            "repository": str(sides.repository),
            "tell_software": sides.base.python != sides.head.python,
            "arguments": [
                *arguments,
                f"--benchmark-json={self._json}",
                f"--benchmark-storage={sides.scratch / 'stored'}",
            ],
        }
        with theirs, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._side.python, "-P", pytest_worker.__file__, json.dumps(task)],
                cwd=self._side.folder,
                env=environment(sides, self._side, pair),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is the gate's; and what it starts ends with it
            )
        self.is_alive = True
        self._told: Mapping[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._channel.close()

    def collected(self) -> list[str]:
        """Wait for what the suite holds; raises BenchError where it can't be loaded."""
        message = self._receive()
        if message is None or "collected" not in message:
            last = self._last_lines()
            raise BenchError(
                f"the suite can't be loaded; the last that pytest wrote:\n{last}",
                where=self._side.told(),
                hint=self._hint(last),
            )
        return list(message["collected"])

    def _hint(self, last: str) -> str:
        if any(sign in last for sign in SIGNS_OF_LACK):
            return NEEDED
        return absence(self._side)

    def run(self, name: str) -> list[Lost]:
        """Run a benchmark, wait for its end, and return what failed meanwhile.

        That may be a benchmark that ran before: what it left set up is torn down only now.
        """
        if not self.is_alive:
            return []
        self._channel.send(name)
        message = self._receive()
        if message is None:
            return [Lost(self._role, name, "failed", f"its process died ({self._death()})")]
        return self._lost(message)

    def finish(self) -> None:
        """Let pytest write its file; `session` and `software` wait for that."""
        if self.is_alive:
            self._channel.send(None)

    def session(self) -> Session | None:
        """Read what was measured; None where nothing was.

        Raises BenchError where it was not the side's own code, or the process died at the end.
        """
        if self.is_alive:
            message = self._receive()
            if message is None:
                raise BenchError(
                    f"pytest's process died before it had stored its measurements "
                    f"({self._death()}); the last that it wrote:\n{self._last_lines()}",
                    where=self._side.told(),
                )
            self._told = message
        strange = self._told.get("strange", {})
        if strange:
            name, path = next(iter(strange.items()))
            raise BenchError(
                f"would measure code that is not its own: {name} comes from {path}",
                where=self._side.told(),
                hint="Install the repository with `pip install -e .`, or not at all.",
            )
        is_written = self._json.is_file() and self._json.stat().st_size > 0
        return read_session(self._json) if is_written else None

    def lost_at_the_end(self) -> list[Lost]:
        """Return what failed when the session was torn down."""
        return self._lost(self._told)

    def software(self) -> Mapping[str, str]:
        """Give the versions of Python and of all that was loaded, where they can differ."""
        return dict(self._told.get("software", {}))

    def _lost(self, message: Mapping[str, Any]) -> list[Lost]:
        return [
            Lost(self._role, name, status, printable(reason))
            for name, status, reason in message.get("failures", ())
        ]

    def _receive(self) -> dict[str, Any] | None:
        """Wait for a message; None where the process has ended instead."""
        try:
            message: dict[str, Any] = self._channel.recv()
        except (EOFError, OSError):
            self.is_alive = False
            return None
        return message

    def _death(self) -> str:
        code = self._process.wait()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _last_lines(self) -> str:
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.strip().splitlines()[-LAST_LINES:])


def environment(sides: Sides, side: Side, pair: int) -> dict[str, str]:
    """Give a side's processes its own code to import, and both sides of a pair the same seeds."""
    own = [place for place in (side.folder / "src", side.folder) if place.is_dir()]
    given = [Path(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    places = [*own, *(sides.moved(entry.absolute(), side) for entry in given)]
    theirs = {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(map(str, places))),
        "PYTHONHASHSEED": str(pair),
        "BENCH_SEED": str(pair),
    }
    data_dir = os.environ.get("BENCH_DATA_DIR")
    if data_dir:
        theirs["BENCH_DATA_DIR"] = str(Path(data_dir).absolute())
    # pytest-benchmark measures nothing where it believes to be one of pytest-xdist's workers.
    kept = {k: v for k, v in git_environment().items() if not k.startswith("PYTEST_XDIST")}
    return {**kept, **theirs}
