"""The processes of a pair run a benchmark in lockstep: in short time slices, one at a time."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from math import ceil

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
from bench.regress.benchmark_samples import ROLES, GateReporter, MissingSample, Role, Rounds
from bench.regress.round_times import comparable_rounds
from bench.regress.worker_process import WorkerProcess

SLICE_S = 0.015  # handing over (0.1 ms) and refilling caches must not matter
MAX_TURNS = 5  # beyond, differences between processes are most of the noise
MIN_WINDOW_S = 0.2  # the kernel's ticks are too coarse to judge a shorter one


class Lockstep:
    """Lets the workers of a pair run the benchmarks together, for as long as loading took."""

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
        self.turns = 0
        self.spent_s = 0.0
        self.missing: list[MissingSample] = []
        # By benchmark and turn: the rounds that count, and what disturbed them.
        self.rounds: dict[tuple[str, int], Mapping[Role, Rounds]] = {}
        self.disturbed: dict[tuple[str, int], str] = {}

    def warm_up(self) -> None:
        """Run the first benchmark once without counting it: the processes are cold."""
        for name in self._names[:1]:
            self._run(name, -1)

    def take_turn(self) -> None:
        """Run every benchmark that has not failed once per role."""
        started_s = time.monotonic()
        for i, name in enumerate(self._names):
            self._reporter.running(name, None, i, len(self._names))
            proc = Proc()
            before = read(proc)
            rounds = self._run(name, self.turns)
            self.disturbed[name, self.turns] = _disturbance(before, read(proc))
            self.rounds[name, self.turns] = comparable_rounds(rounds)
        failed = {sample.benchmark for sample in self.missing}
        self._names = [name for name in self._names if name not in failed]
        self.turns += 1
        self.spent_s += time.monotonic() - started_s

    def _run(self, name: str, turn: int) -> dict[Role, Rounds]:
        """Run a benchmark in every living process, slice by slice; return its rounds by role.

        All get as many rounds a slice, so that as many of their rounds find cold caches.
        """
        orders = _orders(random.Random(printable(f"{self._pair} {turn} {name}")))
        running = [role for role in ROLES if self._workers[role].is_alive]
        rounds: dict[Role, Rounds] = {}
        request: str | int = name
        while running:
            longest_s = 0.0
            for role in [role for role in next(orders) if role in running]:
                part = self._workers[role].run(request)
                longest_s = max(longest_s, part.duration_s)
                self.missing += part.failures
                if part.is_last:
                    running.remove(role)
                if part.rounds is not None:
                    rounds[role] = part.rounds
            request = 1 if isinstance(request, str) else _more_rounds(request, longest_s)
        return rounds


def _orders(rng: random.Random) -> Iterator[tuple[Role, ...]]:
    """Yield random orders in which, every six, each role is as often first, second and third."""
    while True:
        orders = list(permutations(ROLES))
        rng.shuffle(orders)
        yield from orders


def _more_rounds(rounds: int, slice_s: float) -> int:
    """Return how many rounds fill a slice, if these took `slice_s`; never fewer than before."""
    return max(rounds, ceil(rounds * SLICE_S / slice_s)) if slice_s else rounds


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
