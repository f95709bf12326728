"""The protocol of a timing set: whose turn it is, and for what.

The members of a set are processes that are alive together, of which one works at a time; the
others sleep. Related: duet benchmarking (Bulej et al., ICPE 2020) and randomised multiple
interleaved trials (Abedi & Brecht, ICPE 2017).
"""

import random
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.study.runs import Run
from bench.study.spec import Timing

TURN_S = 0.01  # of timed steps in a turn, at least: a shorter one would be mostly hand-over
EQUAL_S = 0.025  # up to this long, turns are as long as the longest step
LONG_STEP_S = 0.02  # a step that sweeps the caches itself; its first one was at most 3% longer


@dataclass(frozen=True)
class SetUp:
    """Set up; the set began at `started_s` and has this many processes."""

    started_s: float
    processes: int


@dataclass(frozen=True)
class WarmUp:
    """Take steps until they are steady, and reply with the seconds of a step."""


@dataclass(frozen=True)
class Turn:
    """Take some steps that don't count, since the caches are cold, then time `steps`."""

    steps: int
    discarded: int


@dataclass(frozen=True)
class Pass:
    """Time an epoch and an evaluation."""


@dataclass(frozen=True)
class Finish:
    """Reply with the outcome."""


Command = SetUp | WarmUp | Turn | Pass | Finish
Reply = float | None  # the seconds of a step after the warm-up; None from a member that has ended


def turns_of_set(runs: Sequence[Run]) -> Generator[tuple[int, Command], Reply, None]:
    """Return the turns of a set that begins now; its members are the runs, by their index."""
    first = runs[0]
    assert first.timing is not None
    seed, started_s = f"{first.study} {first.block}", time.perf_counter()
    return turns(len(runs), first.timing, seed, started_s, is_detailed=first.is_detailed)


def turns(
    members: int, timing: Timing, seed: str, started_s: float, *, is_detailed: bool
) -> Generator[tuple[int, Command], Reply, None]:
    """Yield who does what next, and expect the reply; a member that has ended gets no more turns.

    Each round has a random order and the next one its reverse, so that every member comes early as
    often as late.
    """
    rng = random.Random(seed)
    alive = list(range(members))

    def each(command: Command) -> Generator[tuple[int, Command], Reply, dict[int, float]]:
        replies: dict[int, float] = {}
        for member in rng.sample(alive, len(alive)):
            reply = yield member, command
            if reply is None:
                alive.remove(member)
            else:
                replies[member] = reply
        return replies

    yield from each(SetUp(started_s, members))
    step_s = yield from each(WarmUp())
    own_turns = turns_of(step_s)
    for order in _orders(alive, timing.rounds, rng):
        for member in order:
            if member in alive and (yield member, own_turns[member]) is None:
                alive.remove(member)
    for _ in range(timing.epochs if is_detailed else 0):
        yield from each(Pass())
    yield from each(Finish())


def turns_of(step_s: Mapping[int, float]) -> dict[int, Turn]:
    """Return the turns of each member, by the seconds of its step.

    They take about equal time, but not longer than needed: many short turns average out what
    changes from one to the next.
    """
    turn_s = min(EQUAL_S, max((TURN_S, *step_s.values())))
    return {
        member: Turn(max(1, round(turn_s / own_s)), int(own_s < LONG_STEP_S))
        for member, own_s in step_s.items()
    }


def _orders(members: Sequence[int], rounds: int, rng: random.Random) -> Iterator[list[int]]:
    order: list[int] = []
    for i in range(rounds):
        order = order[::-1] if i % 2 else rng.sample(members, len(members))
        yield order
