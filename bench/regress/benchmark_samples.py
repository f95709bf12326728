"""Samples that a gate measures: a value per benchmark, pair, turn and role."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["base", "twin", "head"]  # the twin is the A/A control: base measured once more
ROLES: tuple[Role, ...] = ("base", "twin", "head")

TIME = "time"
Statistic = Literal["min", "median"]  # of the rounds of a turn


@dataclass(frozen=True)
class Observation:
    """One benchmark's value for one role in one turn of one pair: a row of pairs.csv.

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
    """Everything that one pair measured; with any `differences` it is not comparable."""

    observations: tuple[Observation, ...]
    missing: tuple[MissingSample, ...]
    differences: tuple[str, ...]


class GateReporter(Protocol):
    """Receives the progress of a gate."""

    def opened(self, base: str, head: str, remarks: Sequence[str]) -> None:
        """Show what is compared with what, before anything is measured."""

    def running(self, benchmark: str, role: Role, done: int, of: int) -> None:
        """Show the current benchmark and the progress within the pair."""

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
