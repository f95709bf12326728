"""Samples that a gate measures: a value per benchmark, pair, turn and role."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:  # `bench --help` does without NumPy
    import numpy as np
    from numpy.typing import NDArray

    from bench.stats.estimates import Floats

Role = Literal["base", "twin", "head"]  # the twin is the A/A control: base measured once more
ROLES: tuple[Role, ...] = ("base", "twin", "head")

TIME = "time"
Statistic = Literal["min", "median"]  # of the rounds of a turn


@dataclass(frozen=True)
class Rounds:
    """The timed rounds of one benchmark in one process, in order.

    `start_s` is on the monotonic clock that all processes share. `slice_index` numbers the time
    slices in which the rounds ran. The first round of a slice, `opens_slice`, found cold caches.
    """

    start_s: Floats
    time_s: Floats
    slice_index: NDArray[np.int64]
    opens_slice: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_]) -> Rounds:
        """Return some of the rounds."""
        return Rounds(
            self.start_s[chosen],
            self.time_s[chosen],
            self.slice_index[chosen],
            self.opens_slice[chosen],
        )


@dataclass(frozen=True)
class Observation:
    """One benchmark's value for one role in one turn of one pair: a row of pairs.csv.

    In a turn every role runs the benchmark once, from its set-up to its tear-down.
    `measure` is time (seconds of a benchmark's round, the fastest or the median), step (seconds an
    image of a study's cell) or test_accuracy. `disturbed` is the reason why the value is
    unreliable, empty if none.
    """

    benchmark: str
    measure: str
    pair: int
    turn: int
    role: Role
    value: float
    disturbed: str


@dataclass(frozen=True)
class MissingSample:
    """A benchmark without a value for a role, with the reason."""

    role: Role
    benchmark: str
    status: Literal["missing", "skipped", "failed"]
    reason: str = ""


@dataclass(frozen=True)
class PairSamples:
    """Everything that one pair measured; with any `differences` it is not comparable.

    `rounds` are those behind the times of a pytest-benchmark suite, by benchmark and turn.
    """

    observations: tuple[Observation, ...]
    missing: tuple[MissingSample, ...]
    differences: tuple[str, ...]
    rounds: Mapping[tuple[str, int], Mapping[Role, Rounds]] = field(default_factory=dict)


class GateReporter(Protocol):
    """Receives the progress of a gate."""

    def opened(self, base: str, head: str, remarks: Sequence[str]) -> None:
        """Show what is compared with what, before anything is measured."""

    def running(self, benchmark: str, role: Role | None, done: int, of: int) -> None:
        """Show the current benchmark and the progress within the pair; no role means all."""

    def paired(self, pair: int, of: int, benchmarks: int, left_s: float) -> None:
        """Show a finished pair, the number planned, and the estimated time left."""

    def confirming(self, suspects: Sequence[str]) -> None:
        """Show the benchmarks that are measured again because they look slower."""


class Suite(Protocol):
    """Benchmarks that can be measured on base and head."""

    def measure(
        self, pair: int, names: Collection[str] | None, reporter: GateReporter
    ) -> PairSamples:
        """Measure the named benchmarks, or all, once per role, interleaved in shuffled order.

        Raises BenchError if base or head can't be measured at all.
        """


def missing_benchmarks(names: Mapping[Role, Collection[str]]) -> Iterator[MissingSample]:
    """Yield the benchmarks that only one of base and head has."""
    base, head = names["base"], names["head"]
    yield from (MissingSample("head", name, "missing") for name in base if name not in head)
    yield from (MissingSample("base", name, "missing") for name in head if name not in base)


def differing_conditions(base: Mapping[str, str], head: Mapping[str, str]) -> Iterator[str]:
    """Yield the conditions that are known for both and differ."""
    for name, value in base.items():
        if head.get(name, value) != value:
            yield f"{name}: {value} on base, {head[name]} on head"
