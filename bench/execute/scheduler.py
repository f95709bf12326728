"""Runs spread over the nodes of a cluster, whatever engine carries them there.

Who runs where is decided here and not by the engine: what is timed gets a machine to itself, the
cells of a timing block stay together, and nothing waits in a queue that Ctrl-C would have to clear.
"""

import itertools
import time
from collections import Counter, deque
from collections.abc import Generator, Hashable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from bench.errors import BenchError
from bench.execute.executor import Emit, Event, Lost, RunContext, Started, Stopping
from bench.measure.resources import Node
from bench.records import Outcome, Status
from bench.study.runs import Run

ATTEMPTS = 3
PATIENCE_S = 60.0

Ticket = Hashable  # how a cluster names a unit of work that it was given


@dataclass(frozen=True, slots=True)
class WorkUnit:
    """Runs that one node executes one after the other: a trial, or what is left of a block.

    `node_id` is given where it has to be that node. `attempt` counts from 1.
    """

    runs: tuple[Run, ...]
    node_id: str = ""
    attempt: int = 1

    @property
    def is_alone(self) -> bool:
        """Whether it needs its node to itself."""
        return any(run.is_alone for run in self.runs)

    def cores_on(self, node: Node) -> int:
        """Count the cores that it takes of a node: as many as its threads, or all."""
        threads = max(int(run.planned.cell.threads) for run in self.runs)
        return node.cores if self.is_alone else min(threads, node.cores)

    def gpus_on(self, node: Node) -> int:
        """Count the GPUs that it takes of a node; `cuda:1` is the second of two."""
        if self.is_alone:
            return node.gpus
        devices = [run.planned.cell.device.partition(":") for run in self.runs]
        return max(int(index or 0) + 1 if kind == "cuda" else 0 for kind, _, index in devices)


@dataclass(frozen=True, slots=True)
class Placed:
    """A unit of work that goes on, what it takes of its node, and what its runs need there."""

    unit: WorkUnit
    node: Node
    cores: int
    gpus: int
    run_context: RunContext


@dataclass(frozen=True)
class Ended:
    """A unit of work goes on no more; `lost` says what went with it, blank where all went well."""

    lost: Literal["", "worker", "memory", "node"] = ""
    why: str = ""


News = Event | Outcome | Ended


class Cluster(Protocol):
    """An engine that has nodes, and carries units of work there."""

    def nodes(self) -> Sequence[Node]:
        """List the nodes that are there now."""

    def begin(self, placed: Placed) -> Ticket:
        """Let a node begin."""

    def news(self) -> Iterable[tuple[Ticket, News]]:
        """Wait a moment for what the nodes tell; `Ended` is the last of a unit of work."""

    def abandon(self, ticket: Ticket) -> None:
        """End a unit of work, whatever it does; nothing more is told of it."""


def nobody_left() -> BenchError:
    """Say that nothing can go on."""
    return BenchError(
        "no node of the cluster is left",
        hint="Start nodes and run this again: what was finished is kept.",
    )


def spread(
    cluster: Cluster,
    runs: Sequence[Run],
    run_context: RunContext,
    emit: Emit,
    is_stopping: Stopping,
    *,
    patience_s: float = PATIENCE_S,
) -> Generator[Outcome, None, None]:
    """Give the runs' outcomes as they come; what goes down with a worker or a node is run again.

    A timing block whose node is lost is given up: its other runs have no outcome. Raises
    BenchError where no node is left for `patience_s`.
    """
    waiting, alone_s = _Waiting(runs), 0.0
    with closing(_Floor(cluster, run_context)) as floor:
        while True:
            if is_stopping():
                waiting.clear()
            floor.fill(waiting)
            if not floor.going and waiting.first() is None:
                return
            began_s = time.monotonic()
            for ticket, told in cluster.news():
                placed = floor.going.get(ticket)
                if placed is None:
                    continue  # abandoned by now
                match told:
                    case Ended():
                        left = floor.end(ticket)
                        if left:
                            emit(Lost(left[0].run_id, placed.node.name, told.why))
                            yield from _after_loss(waiting, placed, left, told)
                    case Outcome():
                        floor.keep(ticket, told)
                        yield told
                        if is_stopping():
                            floor.abandon(ticket)  # what it has begun since is no loss
                    case Started():
                        emit(replace(told, node=placed.node.name))
                    case _:
                        emit(told)
            is_deserted = not floor.going and not cluster.nodes()
            alone_s = alone_s + time.monotonic() - began_s if is_deserted else 0.0
            if alone_s > patience_s:
                raise nobody_left()


class _Waiting:
    """What has not begun, in the order of the study; what was lost comes first."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = _units(runs)
        self._first: deque[WorkUnit] = deque()

    def first(self) -> WorkUnit | None:
        """Look at the next one."""
        if not self._first:
            self._first.extend(itertools.islice(self._runs, 1))
        return self._first[0] if self._first else None

    def take(self) -> None:
        """Take the next one."""
        self._first.popleft()

    def give_back(self, unit: WorkUnit) -> None:
        """Let one be the next."""
        self._first.appendleft(unit)

    def clear(self) -> None:
        """Let nothing begin any more."""
        self._runs = iter(())
        self._first.clear()


def _units(runs: Iterable[Run]) -> Iterator[WorkUnit]:
    """Keep the runs of a timing block together; every other run stands alone."""
    for _, together in itertools.groupby(
        runs, lambda run: run.block if run.kind == "block" else run.run_id
    ):
        yield WorkUnit(tuple(together))


class _Floor:
    """What goes on where, and what that leaves free."""

    def __init__(self, cluster: Cluster, run_context: RunContext) -> None:
        self.going: dict[Ticket, Placed] = {}
        self._done: dict[Ticket, set[str]] = {}  # ids of the runs that have their outcome
        self._cluster = cluster
        self._run_context = run_context
        self._cores: Counter[str] = Counter()  # in use, by node
        self._gpus: Counter[str] = Counter()

    def fill(self, waiting: _Waiting) -> None:
        """Begin as much as there is room for, in order."""
        nodes = self._cluster.nodes()
        while (unit := waiting.first()) is not None:
            is_bound = unit.node_id != ""
            if is_bound and all(node.node_id != unit.node_id for node in nodes):
                waiting.take()  # the rest of a block whose node is gone
                continue
            room = [node for node in nodes if self._has_room(node, unit)]
            if not room:
                return
            waiting.take()
            self._begin(unit, max(room, key=self._free_cores))

    def _free_cores(self, node: Node) -> int:
        return node.cores - self._cores[node.node_id]

    def _has_room(self, node: Node, unit: WorkUnit) -> bool:
        return (
            unit.node_id in ("", node.node_id)
            and unit.cores_on(node) <= self._free_cores(node)
            and unit.gpus_on(node) <= node.gpus - self._gpus[node.node_id]
        )

    def _begin(self, unit: WorkUnit, node: Node) -> None:
        cores = unit.cores_on(node)
        jobs = 1 if unit.is_alone else node.at_once(cores)
        run_context = replace(self._run_context, jobs=jobs, node=node.name)
        placed = Placed(unit, node, cores, unit.gpus_on(node), run_context)
        ticket = self._cluster.begin(placed)
        self.going[ticket] = placed
        self._done[ticket] = set()
        self._cores[node.node_id] += placed.cores
        self._gpus[node.node_id] += placed.gpus

    def keep(self, ticket: Ticket, outcome: Outcome) -> None:
        """Note that a run has its outcome."""
        self._done[ticket].add(outcome.run_id)

    def end(self, ticket: Ticket) -> tuple[Run, ...]:
        """Free what a unit of work took; gives the runs that it left undone."""
        placed, done = self.going.pop(ticket), self._done.pop(ticket)
        self._cores[placed.node.node_id] -= placed.cores
        self._gpus[placed.node.node_id] -= placed.gpus
        return tuple(run for run in placed.unit.runs if run.run_id not in done)

    def abandon(self, ticket: Ticket) -> None:
        """End a unit of work, whatever it does."""
        self._cluster.abandon(ticket)
        self.end(ticket)

    def close(self) -> None:
        """End all that goes on."""
        for ticket in list(self.going):
            self.abandon(ticket)


def _after_loss(
    waiting: _Waiting, placed: Placed, left: tuple[Run, ...], ended: Ended
) -> Iterator[Outcome]:
    """Let the runs that were left undone begin again, the first of which was going on.

    One that has taken its worker with it too often has failed. The rest of a block stays on its
    node; a block that had no outcome yet may begin anywhere.
    """
    before = placed.unit
    attempt = 1 if len(left) < len(before.runs) else before.attempt
    attempt += ended.lost != "node"  # which is nobody's fault
    if attempt > ATTEMPTS:
        status: Status = "oom" if ended.lost == "memory" else "failed"
        outcome = left[0].ended(status, f"{ended.why}, {ATTEMPTS} times", 0.0)
        yield placed.run_context.mark(outcome)
        left, attempt = left[1:], 1
    is_begun = before.node_id != "" or len(left) < len(before.runs)
    if left:
        waiting.give_back(WorkUnit(left, placed.node.node_id if is_begun else "", attempt))
