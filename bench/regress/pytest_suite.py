"""A pytest-benchmark suite, measured on both sides by processes that take turns."""

import random
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.analysis.comparisons import ACCURACY
from bench.regress.benchmark_names import printable
from bench.regress.benchmark_samples import (
    ROLES,
    TIME,
    Lost,
    Observation,
    Pair,
    Role,
    Statistic,
    Watcher,
    absent,
    unlike,
)
from bench.regress.contention import watched
from bench.regress.side_process import SideProcess
from bench.regress.stored_benchmarks import Measured, Session
from bench.regress.worktrees import Sides

ZERO = "its time is 0 s: its timer is too coarse for it"
NEVER_CALLED = "it never called its fixture `benchmark`, so that nothing was measured"
MOST_TURNS = 5  # beyond them what the processes themselves add is most of the noise


@dataclass(frozen=True)
class PytestSuite:
    """The benchmarks at a path of the repository, or those of them that `select` (-k) names.

    In each pair a fresh process a side, and one more of base, load the suite and then take turns,
    benchmark by benchmark, in shuffled order: what is compared was measured within seconds.
    """

    sides: Sides
    path: Path
    select: str
    statistic: Statistic
    accuracy: bool

    def measure(self, pair: int, names: Collection[str] | None, watcher: Watcher) -> Pair:
        """Measure the benchmarks named, or all, once on each side."""
        started_s = time.monotonic()
        with ExitStack() as stack:
            processes = {
                role: stack.enter_context(SideProcess(self.sides, role, pair, self._asked(names)))
                for role in ROLES
            }
            collected = {role: process.collected() for role, process in processes.items()}
            common = [
                name
                for name in collected["head"]
                if name in collected["base"] and (names is None or name in names)
            ]
            loaded_s = time.monotonic() - started_s
            turns = _Turns(processes, pair, common, watcher)
            turns.warm_up()
            while turns.taken < MOST_TURNS and turns.spent_s < loaded_s:
                turns.take()
            for process in processes.values():
                process.finish()
            sessions = {role: process.session() for role, process in processes.items()}
            for process in processes.values():
                turns.lost += process.lost_at_the_end()
            for role in (role for role in ROLES if processes[role].is_alive):
                turns.lost += self._not_measured(role, common, sessions[role], turns.lost)
            software = {role: process.software() for role, process in processes.items()}
        return Pair(
            tuple(self._observed(pair, sessions, turns)),
            (*turns.lost, *(absent(collected) if names is None else ())),
            tuple(_differences(sessions, software)),
        )

    def _asked(self, names: Collection[str] | None) -> list[str]:
        """Give pytest's arguments: the suite, or only the files of the benchmarks named."""
        select = ["-k", self.select] if self.select else []
        files = sorted({name.partition("::")[0] for name in names or ()})
        folders = self.sides.base.folder, self.sides.head.folder
        # A benchmark is named from pytest's root, which may lie above the folder.
        are_here = all((folder / file).is_file() for folder in folders for file in files)
        return ["--benchmark-only", *select, *(files if files and are_here else [str(self.path)])]

    def _observed(
        self, pair: int, sessions: Mapping[Role, Session | None], turns: "_Turns"
    ) -> Iterator[Observation]:
        for role, session in sessions.items():
            turn_of = Counter(turns.warmed_by)
            useless = self._useless(session)
            for name, measured in session.measured if session else ():
                turn = turn_of[name]
                turn_of[name] += 1
                if turn < 0 or name in useless:
                    continue
                why = turns.disturbed.get((name, turn, role), "")
                yield Observation(name, TIME, pair, turn, role, self._time_s(measured), why)
                if self.accuracy and measured.accuracy is not None and not turn:
                    yield Observation(name, ACCURACY, pair, turn, role, measured.accuracy, "")

    def _time_s(self, measured: Measured) -> float:
        return measured.fastest_s if self.statistic == "min" else measured.median_s

    def _useless(self, session: Session | None) -> Mapping[str, str]:
        """Return why numbers can't be compared, by benchmark."""
        if session is None:
            return {}
        zero = {name: ZERO for name, measured in session.measured if not self._time_s(measured)}
        return {**zero, **session.damaged}

    def _not_measured(
        self, role: Role, names: Collection[str], session: Session | None, lost: Collection[Lost]
    ) -> list[Lost]:
        """Return what ended well, but stored no measurement that can be used."""
        useless = self._useless(session)
        known = {name for name, _ in session.measured} if session else set()
        known |= {one.benchmark for one in lost if one.role == role}
        unmeasured = [name for name in names if name not in known and name not in useless]
        return [
            *(Lost(role, name, "failed", why) for name, why in useless.items()),
            *(Lost(role, name, "skipped", NEVER_CALLED) for name in unmeasured),
        ]


class _Turns:
    """Lets the processes of a pair run the benchmarks in turns, for as long as loading took."""

    def __init__(
        self,
        processes: Mapping[Role, SideProcess],
        pair: int,
        names: Sequence[str],
        watcher: Watcher,
    ) -> None:
        self._processes = processes
        self._pair = pair
        self._names = list(names)
        self._watcher = watcher
        self.taken = 0
        self.spent_s = 0.0
        self.lost: list[Lost] = []
        self.disturbed: dict[tuple[str, int, Role], str] = {}
        self.warmed_by: dict[str, int] = {}

    def warm_up(self) -> None:
        """Run the first benchmark once more than is counted: it finds its process cold."""
        for name in self._names[:1]:
            self.warmed_by[name] = -1
            for role in ROLES:
                self._run(name, role)

    def take(self) -> None:
        """Run every benchmark once on each side, but for those that have failed."""
        started_s = time.monotonic()
        for i, name in enumerate(self._names):
            for role in random.Random(printable(f"{self._pair} {self.taken} {name}")).sample(
                ROLES, 3
            ):
                self._watcher.running(name, role, i, len(self._names))
                with watched() as seen:
                    self._run(name, role)
                self.disturbed[name, self.taken, role] = seen.disturbance
        lost = {one.benchmark for one in self.lost}
        self._names = [name for name in self._names if name not in lost]
        self.taken += 1
        self.spent_s += time.monotonic() - started_s

    def _run(self, name: str, role: Role) -> None:
        self.lost += self._processes[role].run(name)


def _differences(
    sessions: Mapping[Role, Session | None], software: Mapping[Role, Mapping[str, str]]
) -> Iterator[str]:
    """Say where base and head ran under other conditions, by what both tell."""
    base, head = sessions["base"], sessions["head"]
    if base is not None and head is not None:
        yield from unlike(base.conditions, head.conditions)
    yield from unlike(software["base"], software["head"])
