"""A cluster that gives made-up outcomes of trials at once, and remembers nothing."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace

from runner_doubles import FakeExecutor

from bench.execute.executor import Emit, IsStopping, RunContext, Shapes, Started, never
from bench.execute.scheduler import GroupEnded, Message, RunGroup, execute_on_cluster
from bench.measure.machine import this_machine
from bench.measure.resources import Node, Resources
from bench.records import Outcome
from bench.study.choice import MetricChoice
from bench.study.runs import Run
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
    """A cluster on which every run ends when messages are requested."""

    here: Sequence[Node]
    going: dict[int, tuple[RunGroup, RunContext]] = field(default_factory=dict)

    def nodes(self) -> Sequence[Node]:
        return self.here

    def start(self, number: int, group: RunGroup, node: Node, run_context: RunContext) -> None:
        self.going[number] = group, run_context

    def messages(self) -> Iterator[tuple[int, Message]]:
        for number, (group, run_context) in list(self.going.items()):
            for run in group.runs:
                yield number, Started(run.run_id)
                yield number, run_context.mark(FakeExecutor().outcome(run))
            del self.going[number]
            yield number, GroupEnded()

    def abandon(self, number: int) -> None:
        del self.going[number]


class ManyNodes:
    """Spreads runs as a real cluster of sixteen nodes would have them."""

    def __init__(self) -> None:
        self._nodes = tuple(Node(str(i), f"node-{i}", 64, 0, 64) for i in range(16))

    def resources(self, cells: Sequence[Cell], metrics: Sequence[MetricChoice] = ()) -> Resources:
        return Resources(replace(this_machine(), cores=64), self._nodes, is_cluster=True)

    def check(
        self, cells: Sequence[Cell], shapes: Shapes, metrics: Sequence[MetricChoice] = ()
    ) -> list[str]:
        return []

    def execute(
        self,
        runs: Sequence[Run],
        run_context: RunContext,
        emit: Emit,
        is_stopping: IsStopping = never,
    ) -> Generator[Outcome, None, None]:
        yield from execute_on_cluster(
            InstantCluster(self._nodes), runs, run_context, emit, is_stopping
        )

    def close(self) -> None:
        pass
