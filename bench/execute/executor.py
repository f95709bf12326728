"""The protocol behind which runs are executed."""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.records import Outcome
from bench.study.plan import PlannedCell, Run


@dataclass(frozen=True)
class Started:
    """A run began."""

    run_id: str


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


Event = Started | Stepped | Evaluated
Emit = Callable[[Event], None]


@dataclass(frozen=True)
class Workplace:
    """What every run needs besides itself."""

    data_dir: Path
    verbose: bool = False
    jobs: int = 1  # so many runs may go on at the same time, this one among them


class Executor(Protocol):
    """Executes runs one after the other, or wherever it can, and gives their outcomes.

    Once what it gives is closed, nothing that it started goes on.
    """

    def check(self, cells: Sequence[PlannedCell]) -> list[str]:
        """Build every cell's network once; one line for each that can't be trained."""

    def execute(
        self, runs: Iterable[Run], workplace: Workplace, emit: Emit
    ) -> Generator[Outcome, None, None]:
        """Give each run's outcome as it ends; whatever a run does, it gives one.

        Runs are taken one by one as they can begin, so that who gives them can stop.
        """
