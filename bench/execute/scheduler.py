"""Schedule runs on the nodes of a cluster, whatever engine carries them there.

The scheduling is done here and not by the engine: what is timed gets a machine to itself, the
cells of a timing set stay together, and nothing waits in a queue that Ctrl-C would have to clear.
"""

import itertools
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from bench.errors import BenchError
from bench.execute.executor import Emit, Event, IsStopping, Lost, RunContext, Started
from bench.measure.resources import Node
from bench.records import Outcome, Status
from bench.study.runs import Run, run_groups

ATTEMPTS = 3
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs that one node executes together: a trial, or a timing set. `attempt` counts from 1."""

    runs: tuple[Run, ...]
    attempt: int = 1

    @property
    def is_alone(self) -> bool:
        """Whether it needs its node to itself."""
        return any(run.is_alone for run in self.runs)

    def cores_on(self, node: Node) -> int:
        """Return the cores that it takes of a node: one per thread, or all."""
        threads = max(int(run.cell.threads) for run in self.runs)
        return node.cores if self.is_alone else min(threads, node.cores)

    def gpus_on(self, node: Node) -> int:
        """Return the GPUs that it takes of a node; `cuda:1` is the second of two."""
        if self.is_alone:
            return node.gpus
        devices = [run.cell.device.partition(":") for run in self.runs]
        return max(int(index or 0) + 1 if kind == "cuda" else 0 for kind, _, index in devices)


@dataclass(frozen=True)
class GroupEnded:
    """A group of runs ended; `lost` names what was lost with it, blank where all went well."""

    lost: Literal["", "worker", "memory", "node"] = ""
    why: str = ""


Message = Event | Outcome | GroupEnded


class Cluster(Protocol):
    """An engine with nodes that executes groups of runs there."""

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are there now."""

    def start(self, number: int, group: RunGroup, node: Node, run_context: RunContext) -> None:
        """Start a group on a node; the number identifies it."""

    def messages(self) -> Iterable[tuple[int, Message]]:
        """Wait a moment for messages of groups; `GroupEnded` is the last of each."""

    def abandon(self, number: int) -> None:
        """End a group, whatever it does; it sends no further message."""


@dataclass
class _ActiveGroup:
    """A group on a node, and the ids of its runs that have an outcome."""

    group: RunGroup
    node: Node
    run_context: RunContext
    done: set[str] = field(default_factory=set)


def no_node_left() -> BenchError:
    """Return the error for a cluster without nodes."""
    hint = "Start nodes and run this again: what was finished is kept."
    return BenchError("no node of the cluster is left", hint=hint)


def execute_on_cluster(
    cluster: Cluster,
    runs: Sequence[Run],
    run_context: RunContext,
    emit: Emit,
    is_stopping: IsStopping,
    *,
    patience_s: float = PATIENCE_S,
) -> Generator[Outcome, None, None]:
    """Yield the runs' outcomes as they come; runs lost with a worker or a node are repeated.

    A timing set of which a part is lost is given up: the rest has no outcome. Raises BenchError
    where no node is left for `patience_s`.
    """
    queue, deserted_s = _Queue(runs), 0.0
    with closing(_Placement(cluster, run_context)) as placement:
        while True:
            if is_stopping():
                queue.clear()
            placement.fill(queue)
            if not placement.active and queue.first() is None:
                return
            waited_since_s = time.monotonic()
            for number, message in cluster.messages():
                active = placement.active.get(number)
                if active is None:
                    continue  # abandoned meanwhile
                match message:
                    case GroupEnded():
                        left = placement.end(number)
                        if left:
                            emit(Lost(left[0].run_id, active.node.name, message.why))
                            yield from _requeue(queue, active, left, message)
                    case Outcome():
                        active.done.add(message.run_id)
                        yield message
                    case Started():
                        emit(replace(message, node=active.node.name))
                    case _:
                        emit(message)
            is_deserted = not placement.active and not cluster.nodes()
            deserted_s = deserted_s + time.monotonic() - waited_since_s if is_deserted else 0.0
            if deserted_s > patience_s:
                raise no_node_left()


class _Queue:
    """Groups that have not started, in the order of the study; lost ones come first."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._rest = map(RunGroup, run_groups(runs))
        self._next: deque[RunGroup] = deque()

    def first(self) -> RunGroup | None:
        if not self._next:
            self._next.extend(itertools.islice(self._rest, 1))
        return self._next[0] if self._next else None

    def pop(self) -> None:
        self._next.popleft()

    def push(self, group: RunGroup) -> None:
        self._next.appendleft(group)

    def clear(self) -> None:
        self._rest = map(RunGroup, ())
        self._next.clear()


class _Placement:
    """The active groups, and the cores and GPUs that they leave free."""

    def __init__(self, cluster: Cluster, run_context: RunContext) -> None:
        self.active: dict[int, _ActiveGroup] = {}
        self._cluster = cluster
        self._run_context = run_context
        self._numbers = itertools.count()
        self._cores: Counter[str] = Counter()  # in use, by node
        self._gpus: Counter[str] = Counter()

    def fill(self, queue: _Queue) -> None:
        """Start as many groups as fit, in order."""
        nodes = self._cluster.nodes()
        while (group := queue.first()) is not None:
            fitting = [node for node in nodes if self._fits(group, node)]
            if not fitting:
                return
            queue.pop()
            self._start(group, max(fitting, key=self._free_cores))

    def _free_cores(self, node: Node) -> int:
        return node.cores - self._cores[node.node_id]

    def _fits(self, group: RunGroup, node: Node) -> bool:
        has_gpus = group.gpus_on(node) <= node.gpus - self._gpus[node.node_id]
        return has_gpus and group.cores_on(node) <= self._free_cores(node)

    def _start(self, group: RunGroup, node: Node) -> None:
        jobs = 1 if group.is_alone else node.at_once(group.cores_on(node))
        run_context = replace(self._run_context, jobs=jobs, node=node.name)
        number = next(self._numbers)
        self._cluster.start(number, group, node, run_context)
        self.active[number] = _ActiveGroup(group, node, run_context)
        self._cores[node.node_id] += group.cores_on(node)
        self._gpus[node.node_id] += group.gpus_on(node)

    def end(self, number: int) -> tuple[Run, ...]:
        """Free what a group used; return its runs without an outcome."""
        active = self.active.pop(number)
        group, node = active.group, active.node
        self._cores[node.node_id] -= group.cores_on(node)
        self._gpus[node.node_id] -= group.gpus_on(node)
        return tuple(run for run in group.runs if run.run_id not in active.done)

    def abandon(self, number: int) -> None:
        self._cluster.abandon(number)
        self.end(number)

    def close(self) -> None:
        for number in list(self.active):
            self.abandon(number)


def _requeue(
    queue: _Queue, active: _ActiveGroup, left: tuple[Run, ...], ended: GroupEnded
) -> Iterator[Outcome]:
    """Queue a lost group again; what was lost with its worker too often has failed.

    A timing set that is there in part is given up.
    """
    group = active.group
    if len(left) < len(group.runs):
        return
    attempt = group.attempt + (ended.lost != "node")  # the loss of a node is not the run's fault
    if attempt <= ATTEMPTS:
        queue.push(RunGroup(left, attempt))
        return
    status: Status = "oom" if ended.lost == "memory" else "failed"
    for run in left:
        outcome = run.ended(status, f"{ended.why}, {ATTEMPTS} times", 0.0)
        yield active.run_context.mark(outcome)
