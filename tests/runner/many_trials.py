"""A cluster that gives made-up outcomes of trials at once, and remembers nothing."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace

from runner_doubles import FakeExecutor

from bench.execute.executor import Emit, RunContext, Started, Stopping, never
from bench.execute.scheduler import Ended, News, Placed, Ticket, spread
from bench.measure.machine import this_machine
from bench.measure.resources import Node, Resources
from bench.records import Outcome
from bench.study.runs import PlannedCell, Run
from bench.study.spec import Cell

STUDY = """
name: many
base: {{dataset: digits, epochs: 1, device: cpu, threads: 1}}
axes: {{batch_size: {sizes}}}
seeds: {seeds}
timing: off
"""


def study(trials: int, cells: int) -> str:
    seeds = list(range(trials // cells))
    return STUDY.format(sizes=list(range(2, 2 + cells)), seeds=seeds)


@dataclass
class InstantCluster:
    """Every task ends when news are asked for."""

    here: Sequence[Node]
    going: dict[Ticket, Placed] = field(default_factory=dict)
    given: int = 0

    def nodes(self) -> Sequence[Node]:
        return self.here

    def begin(self, placed: Placed) -> Ticket:
        self.given += 1
        self.going[self.given] = placed
        return self.given

    def news(self) -> Iterator[tuple[Ticket, News]]:
        for ticket, placed in list(self.going.items()):
            for run in placed.unit.runs:
                yield ticket, Started(run.run_id)
                yield ticket, placed.run_context.mark(FakeExecutor().outcome(run))
            del self.going[ticket]
            yield ticket, Ended()

    def abandon(self, ticket: Ticket) -> None:
        del self.going[ticket]


class ManyNodes:
    """Spreads runs as a real cluster of sixteen nodes would have them."""

    def __init__(self) -> None:
        self._nodes = tuple(Node(str(i), f"node-{i}", 64, 0, 64) for i in range(16))

    def site(self, cells: Sequence[Cell]) -> Resources:
        return Resources(replace(this_machine(), cores=64), self._nodes, is_cluster=True)

    def check(self, cells: Sequence[PlannedCell]) -> list[str]:
        return []

    def execute(
        self,
        runs: Sequence[Run],
        run_context: RunContext,
        emit: Emit,
        is_stopping: Stopping = never,
    ) -> Generator[Outcome, None, None]:
        yield from spread(InstantCluster(self._nodes), runs, run_context, emit, is_stopping)

    def close(self) -> None:
        pass
