"""The protocol behind which runs are executed."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.measure.resources import Resources
from bench.records import Outcome
from bench.study.runs import PlannedCell, Run
from bench.study.spec import Cell


@dataclass(frozen=True)
class Started:
    """A run began; `node` names the machine of a cluster that it began on."""

    run_id: str
    node: str = ""


@dataclass(frozen=True)
class Stepped:
    """A run went on by some steps. `loss` is read only where somebody asked for log lines."""

    run_id: str
    epoch: int
    epochs: int
    step: int
    steps: int
    images: int
    batch_size: int
    loss: float | None


@dataclass(frozen=True)
class Evaluated:
    """A trial finished an epoch and its evaluation."""

    run_id: str
    epoch: int
    epochs: int
    loss: float
    correct: int
    images: int


@dataclass(frozen=True)
class Lost:
    """A run went down with a machine or a process of a cluster; it will be done again."""

    run_id: str
    node: str
    why: str


@dataclass(frozen=True)
class Printed:
    """A run's network printed something; `log` is where that is kept, once it is."""

    run_id: str
    text: str
    log: Path | None = None


Event = Started | Stepped | Evaluated | Lost | Printed
Emit = Callable[[Event], None]
Stopping = Callable[[], bool]


@dataclass(frozen=True)
class RunContext:
    """What every run needs besides itself, and what is written down of where it was."""

    data_dir: Path
    verbose: bool = False
    jobs: int = 1  # so many runs may go on at the same time, this one among them
    machine: str = ""
    node: str = ""
    visible_gpus: str | None = None  # as CUDA_VISIBLE_DEVICES has them; None: leave it as it is

    def mark(self, outcome: Outcome) -> Outcome:
        """Write into an outcome's row where it came from."""
        return outcome.placed(self.machine, self.node, self.jobs)


def never() -> bool:
    """Go on to the end."""
    return False


class Executor(Protocol):
    """Executes runs one after the other, or wherever it can, and gives their outcomes.

    Once what it gives is closed, nothing that it started goes on.
    """

    def site(self, cells: Sequence[Cell]) -> Resources:
        """Say where these cells will run. Raises BenchError where that is nowhere."""

    def check(self, cells: Sequence[PlannedCell]) -> list[str]:
        """Build every cell's network once; one line for each that can't be trained."""

    def execute(
        self,
        runs: Sequence[Run],
        run_context: RunContext,
        emit: Emit,
        is_stopping: Stopping = never,
    ) -> Generator[Outcome, None, None]:
        """Give each run's outcome as it ends; nothing begins any more once it is stopping.

        Whatever a run does, it has an outcome. Only where a cluster loses a node in the middle of
        a timing block have the block's other runs none: neighbours are timed on one machine, so
        that whoever wants them begins another block.
        """

    def close(self) -> None:
        """Let go of whatever it holds; it executes nothing afterwards."""
