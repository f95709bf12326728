"""A pytest-benchmark suite, measured on base and head in lockstep."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.analysis.comparison_table import ACCURACY
from bench.regress.benchmark_samples import (
    ROLES,
    TIME,
    GateReporter,
    MissingSample,
    Observation,
    PairSamples,
    Role,
    Statistic,
    differing_conditions,
    missing_benchmarks,
)
from bench.regress.lockstep import MAX_TURNS, Lockstep
from bench.regress.round_times import summarise
from bench.regress.stored_benchmarks import Session
from bench.regress.worker_process import WorkerProcess
from bench.regress.worktrees import Worktrees

ZERO = "its time is 0 s: its timer is too coarse"
NEVER_CALLED = "never called its fixture `benchmark`, so nothing was measured"
Values = Mapping[tuple[str, int], Mapping[Role, float]]  # seconds by benchmark, turn and role


@dataclass(frozen=True)
class PytestSuite:
    """The benchmarks at a path of the repository, or those that match `select` (-k).

    In each pair a fresh process per role loads the suite; the processes then run each benchmark in
    lockstep, so that compared rounds are neighbours in time.
    """

    trees: Worktrees
    path: Path
    select: str
    statistic: Statistic
    accuracy: bool

    def measure(
        self, pair: int, names: Collection[str] | None, reporter: GateReporter
    ) -> PairSamples:
        """Measure the named benchmarks, or all, once per role."""
        started_s = time.monotonic()
        with ExitStack() as stack:
            arguments = self._arguments(names)
            workers = {
                role: stack.enter_context(WorkerProcess(self.trees, role, pair, arguments))
                for role in ROLES
            }
            collected = {role: worker.collected() for role, worker in workers.items()}
            common = [
                name
                for name in collected["head"]
                if name in collected["base"] and (names is None or name in names)
            ]
            loading_s = time.monotonic() - started_s
            lockstep = Lockstep(workers, pair, common, reporter)
            lockstep.warm_up()
            while lockstep.turns < MAX_TURNS and lockstep.spent_s < loading_s:
                lockstep.take_turn()
            for worker in workers.values():
                worker.finish()
            sessions = {role: worker.session() for role, worker in workers.items()}
            for worker in workers.values():
                lockstep.missing += worker.final_failures()
            values = self._values(lockstep)
            for role in (role for role in ROLES if workers[role].is_alive):
                lockstep.missing += _unmeasured(
                    role, common, values, sessions[role], lockstep.missing
                )
            software = [workers[role].software() for role in ("base", "head")]
        differences = [*differing_conditions(*software)]
        if (base := sessions["base"]) is not None and (head := sessions["head"]) is not None:
            differences = [*differing_conditions(base.conditions, head.conditions), *differences]
        return PairSamples(
            tuple(self._observations(pair, values, sessions, lockstep.disturbed)),
            (*lockstep.missing, *(missing_benchmarks(collected) if names is None else ())),
            tuple(differences),
            lockstep.rounds,
        )

    def _arguments(self, names: Collection[str] | None) -> list[str]:
        """Return pytest's arguments: the suite, or only the files of the named benchmarks."""
        select = ["-k", self.select] if self.select else []
        files = sorted({name.partition("::")[0] for name in names or ()})
        folders = self.trees.base.folder, self.trees.head.folder
        # Names are relative to pytest's root, which may be above the folder.
        exist = all((folder / file).is_file() for folder in folders for file in files)
        return ["--benchmark-only", *select, *(files if files and exist else [str(self.path)])]

    def _values(self, lockstep: Lockstep) -> Values:
        return {
            key: {role: summarise(each, self.statistic) for role, each in rounds.items()}
            for key, rounds in lockstep.rounds.items()
        }

    def _observations(
        self,
        pair: int,
        values: Values,
        sessions: Mapping[Role, Session | None],
        disturbed: Mapping[tuple[str, int], str],
    ) -> Iterator[Observation]:
        for role, session in sessions.items():
            if session is None:
                continue
            unusable, stored = _unusable(role, values, session), session.benchmarks
            for (name, turn), by_role in values.items():
                if role not in by_role or name in unusable:
                    continue
                reason = disturbed[name, turn]
                yield Observation(name, TIME, pair, turn, role, by_role[role], reason)
                accuracy = stored[name].accuracy if name in stored else None
                if self.accuracy and accuracy is not None and not turn:
                    yield Observation(name, ACCURACY, pair, turn, role, accuracy, "")


def _unusable(role: Role, values: Values, session: Session | None) -> Mapping[str, str]:
    """Return the benchmarks whose numbers can't be compared, with the reason."""
    zero = {name: ZERO for (name, _), by_role in values.items() if by_role.get(role) == 0}
    return {**zero, **(session.damaged if session else {})}


def _unmeasured(
    role: Role,
    names: Collection[str],
    values: Values,
    session: Session | None,
    missing: Collection[MissingSample],
) -> list[MissingSample]:
    """Return the benchmarks that succeeded without a usable measurement."""
    unusable = _unusable(role, values, session)
    known = {name for (name, _), by_role in values.items() if role in by_role}
    known |= {sample.benchmark for sample in missing if sample.role == role} | unusable.keys()
    return [
        *(MissingSample(role, name, "failed", reason) for name, reason in unusable.items()),
        *(MissingSample(role, n, "skipped", NEVER_CALLED) for n in names if n not in known),
    ]
