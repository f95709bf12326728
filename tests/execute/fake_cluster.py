"""A cluster that makes its outcomes up, and loses what it is told to lose."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.execute.executor import Started
from bench.execute.scheduler import Ended, News, Placed, Ticket
from bench.measure.resources import Node
from bench.study.runs import Run


def node(name: str, cores: int = 2, gpus: int = 0) -> Node:
    return Node(name, name, cores, gpus, cores)


@dataclass
class FakeCluster:
    """Each call of `news` lets every task that goes on get one run further.

    `loses` is asked before each run whether its worker, its memory or its node goes instead;
    `meanwhile` is called between two rounds.
    """

    here: list[Node]
    loses: Callable[[Run, Node], str] = lambda run, node: ""
    meanwhile: Callable[[], None] = lambda: None
    begun: list[Placed] = field(default_factory=list)
    going: dict[Ticket, tuple[Placed, list[Run]]] = field(default_factory=dict)
    abandoned: list[Placed] = field(default_factory=list)
    most_at_once: int = 0

    def nodes(self) -> list[Node]:
        return list(self.here)

    def begin(self, placed: Placed) -> Ticket:
        ticket = len(self.begun)
        self.begun.append(placed)
        self.going[ticket] = placed, list(placed.unit.runs)
        self.most_at_once = max(self.most_at_once, len(self.going))
        return ticket

    def news(self) -> Iterator[tuple[Ticket, News]]:
        self.meanwhile()
        for ticket in list(self.going):
            placed, left = self.going[ticket]
            lost = self.loses(left[0], placed.node)
            yield ticket, Started(left[0].run_id)
            if lost:
                del self.going[ticket]
                if lost == "node":
                    self.here = [n for n in self.here if n != placed.node]
                yield ticket, Ended(lost, f"its {lost} was lost")  # type: ignore[arg-type]
                continue
            run = left.pop(0)
            yield ticket, placed.run_context.mark(run.ended("ok", None, 1.0))
            if not left and ticket in self.going:
                del self.going[ticket]
                yield ticket, Ended()

    def abandon(self, ticket: Ticket) -> None:
        self.abandoned.append(self.going.pop(ticket)[0])
