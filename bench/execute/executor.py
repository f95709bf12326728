"""The protocol of executors, and the events that they emit."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.data.images import DataShape
from bench.measure.resources import Resources
from bench.records import Outcome
from bench.study.choice import MetricChoice
from bench.study.runs import Run
from bench.study.spec import Cell


@dataclass(frozen=True)
class Started:
    """A run started, on this node of a cluster."""

    run_id: str
    node: str = ""


@dataclass(frozen=True)
class Stepped:
    """A run took some steps; `loss` is read only for log lines."""

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
    """A run was lost with a machine or process of a cluster; it will be executed again."""

    run_id: str
    node: str
    why: str


@dataclass(frozen=True)
class Printed:
    """A run's network printed something; `log` is the file that keeps it."""

    run_id: str
    text: str
    log: Path | None = None


Event = Started | Stepped | Evaluated | Lost | Printed
Emit = Callable[[Event], None]
IsStopping = Callable[[], bool]
Shapes = Mapping[str, DataShape]  # of the cells' data sets, by label


@dataclass(frozen=True)
class RunContext:
    """What every run needs besides itself, and what is recorded about where it ran.

    `data_dirs` are the folders of single data sets by label, others are in `data_dir`.
    `shared_images` is the file that keeps normalised images for several processes, by data set and
    normalisation.
    `jobs` is the number of runs that may be active at once, this one included. `visible_gpus` is
    the value of CUDA_VISIBLE_DEVICES; None leaves it unchanged.
    """

    data_dir: Path
    verbose: bool = False
    jobs: int = 1
    machine: str = ""
    node: str = ""
    visible_gpus: str | None = None
    data_dirs: Mapping[str, Path] = field(default_factory=dict)
    shared_images: Mapping[tuple[str, str], Path] = field(default_factory=dict)

    def mark(self, outcome: Outcome) -> Outcome:
        """Return an outcome with where it ran in its row."""
        return outcome.with_place(self.machine, self.node, self.jobs)


def never() -> bool:
    """Return False: don't stop."""
    return False


class Executor(Protocol):
    """Executes runs and yields their outcomes.

    Once the generator of `execute` is closed, nothing that it started is running.
    """

    def resources(self, cells: Sequence[Cell], metrics: Sequence[MetricChoice] = ()) -> Resources:
        """Return where these cells will run, with the code of their components and metrics.

        Raises BenchError if there is nowhere.
        """

    def check(
        self, cells: Sequence[Cell], shapes: Shapes, metrics: Sequence[MetricChoice] = ()
    ) -> list[str]:
        """Build every cell's network once; return one line for each that cannot be trained."""

    def execute(
        self,
        runs: Sequence[Run],
        run_context: RunContext,
        emit: Emit,
        is_stopping: IsStopping = never,
    ) -> Generator[Outcome, None, None]:
        """Yield each run's outcome as it ends; start no further run once it is stopping.

        The runs of a timing set follow each other in `runs`; they take turns. Every run has an
        outcome, whatever it does, with one exception: when a cluster loses a node or a worker
        during a timing set, its runs may have none. The caller starts another set.
        """

    def close(self) -> None:
        """Release all resources; nothing is executed afterwards."""
