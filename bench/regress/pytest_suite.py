"""A pytest-benchmark suite, measured on base and head by processes that take turns."""

import random
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.analysis.comparisons import ACCURACY
from bench.analysis.disturbances import disturbance
from bench.measure.counters import (
    Proc,
    Reading,
    others_cores,
    pressure_share,
    read,
    steal_share,
)
from bench.regress.benchmark_names import printable
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
from bench.regress.stored_benchmarks import BenchmarkStats, Session
from bench.regress.worker_process import WorkerProcess
from bench.regress.worktrees import Worktrees

ZERO = "its time is 0 s: its timer is too coarse"
NEVER_CALLED = "never called its fixture `benchmark`, so nothing was measured"
MAX_TURNS = 5  # beyond, differences between processes are most of the noise
MIN_WINDOW_S = 0.2  # the kernel's ticks are too coarse to judge a shorter one


@dataclass(frozen=True)
class PytestSuite:
    """The benchmarks at a path of the repository, or those that match `select` (-k).

    In each pair a fresh process per role loads the suite; the processes then take turns, benchmark
    by benchmark, in shuffled order, so that compared values are measured within seconds.
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
            turns = _Turns(workers, pair, common, reporter)
            turns.warm_up()
            while turns.taken < MAX_TURNS and turns.spent_s < loading_s:
                turns.take()
            for worker in workers.values():
                worker.finish()
            sessions = {role: worker.session() for role, worker in workers.items()}
            for worker in workers.values():
                turns.missing += worker.final_failures()
            for role in (role for role in ROLES if workers[role].is_alive):
                turns.missing += self._unmeasured(role, common, sessions[role], turns.missing)
            software = [workers[role].software() for role in ("base", "head")]
        differences = [*differing_conditions(*software)]
        if (base := sessions["base"]) is not None and (head := sessions["head"]) is not None:
            differences = [*differing_conditions(base.conditions, head.conditions), *differences]
        return PairSamples(
            tuple(self._observations(pair, sessions, turns)),
            (*turns.missing, *(missing_benchmarks(collected) if names is None else ())),
            tuple(differences),
        )

    def _arguments(self, names: Collection[str] | None) -> list[str]:
        """Return pytest's arguments: the suite, or only the files of the named benchmarks."""
        select = ["-k", self.select] if self.select else []
        files = sorted({name.partition("::")[0] for name in names or ()})
        folders = self.trees.base.folder, self.trees.head.folder
        # Names are relative to pytest's root, which may be above the folder.
        exist = all((folder / file).is_file() for folder in folders for file in files)
        return ["--benchmark-only", *select, *(files if files and exist else [str(self.path)])]

    def _observations(
        self, pair: int, sessions: Mapping[Role, Session | None], turns: "_Turns"
    ) -> Iterator[Observation]:
        for role, session in sessions.items():
            next_turn = Counter(turns.warmed_up)
            unusable = self._unusable(session)
            for name, stats in session.measured if session else ():
                turn = next_turn[name]
                next_turn[name] += 1
                if turn < 0 or name in unusable:
                    continue
                reason = turns.disturbed.get((name, turn, role), "")
                yield Observation(name, TIME, pair, turn, role, self._time_s(stats), reason)
                if self.accuracy and stats.accuracy is not None and not turn:
                    yield Observation(name, ACCURACY, pair, turn, role, stats.accuracy, "")

    def _time_s(self, stats: BenchmarkStats) -> float:
        return stats.min_s if self.statistic == "min" else stats.median_s

    def _unusable(self, session: Session | None) -> Mapping[str, str]:
        """Return the benchmarks whose numbers can't be compared, with the reason."""
        if session is None:
            return {}
        zero = {name: ZERO for name, stats in session.measured if not self._time_s(stats)}
        return {**zero, **session.damaged}

    def _unmeasured(
        self,
        role: Role,
        names: Collection[str],
        session: Session | None,
        missing: Collection[MissingSample],
    ) -> list[MissingSample]:
        """Return the benchmarks that succeeded without a usable measurement."""
        unusable = self._unusable(session)
        known = {name for name, _ in session.measured} if session else set()
        known |= {sample.benchmark for sample in missing if sample.role == role} | unusable.keys()
        return [
            *(MissingSample(role, name, "failed", reason) for name, reason in unusable.items()),
            *(MissingSample(role, n, "skipped", NEVER_CALLED) for n in names if n not in known),
        ]


class _Turns:
    """Lets the workers of a pair run the benchmarks in turns, for as long as loading took."""

    def __init__(
        self,
        workers: Mapping[Role, WorkerProcess],
        pair: int,
        names: Sequence[str],
        reporter: GateReporter,
    ) -> None:
        self._workers = workers
        self._pair = pair
        self._names = list(names)
        self._reporter = reporter
        self.taken = 0
        self.spent_s = 0.0
        self.missing: list[MissingSample] = []
        self.disturbed: dict[tuple[str, int, Role], str] = {}
        self.warmed_up: dict[str, int] = {}  # -1 by name: its first measurement doesn't count

    def warm_up(self) -> None:
        """Run the first benchmark once without counting it: its process is cold."""
        for name in self._names[:1]:
            self.warmed_up[name] = -1
            for role in ROLES:
                self.missing += self._workers[role].run(name)

    def take(self) -> None:
        """Run every benchmark that has not failed once per role."""
        started_s = time.monotonic()
        for i, name in enumerate(self._names):
            rng = random.Random(printable(f"{self._pair} {self.taken} {name}"))
            for role in rng.sample(ROLES, len(ROLES)):
                self._reporter.running(name, role, i, len(self._names))
                proc = Proc()
                before = read(proc)
                self.missing += self._workers[role].run(name)
                self.disturbed[name, self.taken, role] = _disturbance(before, read(proc))
        failed = {sample.benchmark for sample in self.missing}
        self._names = [name for name in self._names if name not in failed]
        self.taken += 1
        self.spent_s += time.monotonic() - started_s


def _disturbance(before: Reading, after: Reading) -> str:
    """Return what disturbed a time window, empty if nothing did.

    This process and its children don't count as other processes.
    """
    if after.wall_s - before.wall_s < MIN_WINDOW_S:
        return ""
    return disturbance(
        {
            "steal_share": steal_share(before, after),
            "pressure_share": pressure_share(before, after),
            "others_cores": others_cores(before, after),
            "gpu_throttle": None,
            "gpu_others": None,
        }
    )
