"""The protocol behind which runs are executed."""

from collections.abc import Callable, Iterator, Sequence
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


class Executor(Protocol):
    """Executes runs one after the other, or wherever it can, and gives their outcomes."""

    def check(self, cells: Sequence[PlannedCell]) -> list[str]:
        """Build every cell's network once; one line for each that can't be trained."""

    def execute(self, runs: Sequence[Run], workplace: Workplace, emit: Emit) -> Iterator[Outcome]:
        """Give each run's outcome as it ends; whatever a run does, it gives one."""
