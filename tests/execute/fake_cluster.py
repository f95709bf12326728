"""A cluster with made-up outcomes that loses runs, workers and nodes on request."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.execute.executor import RunContext, Started
from bench.execute.scheduler import GroupEnded, Message, RunGroup
from bench.measure.resources import Node
from bench.study.runs import Run


def node(name: str, cores: int = 2, gpus: int = 0) -> Node:
    return Node(name, name, cores, gpus, cores)


@dataclass(frozen=True)
class Placed:
    """A group of runs on a node."""

    group: RunGroup
    node: Node
    run_context: RunContext


@dataclass
class FakeCluster:
    """A cluster on which each call of `messages` advances every active group by one run.

    `loses` is called before each run and returns whether its worker, memory or node is lost;
    `meanwhile` is called between two rounds.
    """

    here: list[Node]
    loses: Callable[[Run, Node], str] = lambda run, node: ""
    meanwhile: Callable[[], None] = lambda: None
    begun: list[Placed] = field(default_factory=list)
    going: dict[int, tuple[Placed, list[Run]]] = field(default_factory=dict)
    abandoned: list[Placed] = field(default_factory=list)
    most_at_once: int = 0

    def nodes(self) -> list[Node]:
        return list(self.here)

    def start(self, number: int, group: RunGroup, node: Node, run_context: RunContext) -> None:
        placed = Placed(group, node, run_context)
        self.begun.append(placed)
        self.going[number] = placed, list(group.runs)
        self.most_at_once = max(self.most_at_once, len(self.going))

    def messages(self) -> Iterator[tuple[int, Message]]:
        self.meanwhile()
        for number in list(self.going):
            placed, left = self.going[number]
            lost = self.loses(left[0], placed.node)
            yield number, Started(left[0].run_id)
            if lost:
                del self.going[number]
                if lost == "node":
                    self.here = [n for n in self.here if n != placed.node]
                yield number, GroupEnded(lost, f"its {lost} was lost")  # type: ignore[arg-type]
                continue
            run = left.pop(0)
            yield number, placed.run_context.mark(run.ended("ok", None, 1.0))
            if not left and number in self.going:
                del self.going[number]
                yield number, GroupEnded()

    def abandon(self, number: int) -> None:
        self.abandoned.append(self.going.pop(number)[0])
