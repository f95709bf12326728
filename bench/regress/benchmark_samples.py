"""What a gate measures: values of benchmarks, by pair and side."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["base", "twin", "head"]  # the twin is base once more: what no change looks like
ROLES: tuple[Role, ...] = ("base", "twin", "head")

TIME = "time"
Statistic = Literal["min", "median"]  # of the rounds of a turn


@dataclass(frozen=True)
class Observation:
    """One benchmark's value on one side in one turn of one pair.

    `measure` is time (of a benchmark's round, the fastest or the median, in seconds), step (of a
    study's cell, in seconds an image) or test_accuracy. `disturbed` says what disturbed it, seen
    from outside; empty for nothing.
    """

    benchmark: str
    measure: str
    pair: int
    turn: int
    role: Role
    value: float
    disturbed: str


@dataclass(frozen=True)
class Lost:
    """Why a benchmark gave no value on a side: it is absent there, skipped, or failed."""

    role: Role
    benchmark: str
    status: Literal["missing", "skipped", "failed"]
    reason: str = ""


@dataclass(frozen=True)
class Pair:
    """All that one pair gave. `differences` say what makes its sides incomparable."""

    observations: tuple[Observation, ...]
    lost: tuple[Lost, ...]
    differences: tuple[str, ...]


class Watcher(Protocol):
    """Who is told how a pair goes on."""

    def running(self, benchmark: str, role: Role, done: int, of: int) -> None:
        """Show which benchmark is measured, and how many of the pair's are done."""


class Suite(Protocol):
    """What is measured on both sides."""

    def measure(self, pair: int, names: Collection[str] | None, watcher: Watcher) -> Pair:
        """Measure the benchmarks named, or all, on each side once, interleaved and shuffled.

        Raises BenchError where a side can't be measured at all.
        """


def absent(names: Mapping[Role, Collection[str]]) -> Iterator[Lost]:
    """List what one side has and the other lacks."""
    for name in names["base"]:
        if name not in names["head"]:
            yield Lost("head", name, "missing")
    for name in names["head"]:
        if name not in names["base"]:
            yield Lost("base", name, "missing")


def unlike(base: Mapping[str, str], head: Mapping[str, str]) -> Iterator[str]:
    """Say which conditions differ; what one of the two does not tell is left out."""
    for name, value in base.items():
        if head.get(name, value) != value:
            yield f"{name}: {value} on base, {head[name]} on head"
