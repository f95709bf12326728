"""The rows of every table: column, type, unit; and the outcome that carries them.

A row class holds the columns of its own table. The columns that say *which* cell it is
(`study`, `cell_id`, and the flat configuration) stand before them in every table and travel
once per outcome. SI units, accuracy as a fraction, None (a blank in CSV) where not measured.

History of the format:
  1  first version
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

SCHEMA_VERSION = 1

Scalar = bool | int | float | str | None
Status = Literal["ok", "skipped", "failed", "diverged", "timeout", "oom"]
Kind = Literal["trial", "block"]

# What every table starts with; the other configuration fields follow by their dotted path.
IDENTITY = ("study", "cell_id", "model", "dataset", "batch_size", "optimizer", "lr", "device")

# The phases of training that a timing block measures, in the order in which they happen.
STEP_PHASES = ("data", "forward", "backward", "optimizer")
PHASES = (*STEP_PHASES, "step", "epoch", "eval")


def column(unit: str, meaning: str, **kwargs: Any) -> Any:
    """Declare a column of a table: its unit and what it says."""
    return field(metadata={"unit": unit, "meaning": meaning}, **kwargs)


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """One cell trained and evaluated with one seed."""

    trial_id: str = column("", "cell and seed")
    seed: int = column("", "seed of initialisation and data order")
    status: Status = column("", "how the trial ended")
    reason: str | None = column("", "why, where the status is not ok", default=None)
    epochs_done: int | None = column("1", "epochs finished", default=None)
    test_accuracy: float | None = column("fraction", "after the last epoch", default=None)
    test_loss: float | None = column("nat", "mean, after the last epoch", default=None)
    best_test_accuracy: float | None = column("fraction", "over the epochs", default=None)
    train_s: float | None = column("s", "training clock, data included", default=None)
    eval_s: float | None = column("s", "all evaluations", default=None)
    wall_s: float | None = column("s", "the whole trial, set-up included", default=None)
    images_per_s: float | None = column("1/s", "training images over train_s", default=None)
    time_to_target_s: float | None = column(
        "s", "training clock at the first evaluation at the target; inf: missed", default=None
    )
    peak_memory_bytes: int | None = column("B", "peak resident or device memory", default=None)
    parameters: int | None = column("1", "trainable parameters", default=None)
    flops_per_image: float | None = column("FLOP", "one forward and backward", default=None)


@dataclass(frozen=True, kw_only=True)
class EpochRow:
    """One epoch of a trial."""

    trial_id: str = column("", "cell and seed")
    seed: int = column("", "seed of initialisation and data order")
    epoch: int = column("1", "counted from 1; 0: before any training")
    train_loss: float | None = column("nat", "mean over the epoch's batches", default=None)
    test_loss: float = column("nat", "mean over the test set")
    test_accuracy: float = column("fraction", "over the test set")
    train_s: float | None = column("s", "training clock, data included", default=None)
    eval_s: float = column("s", "evaluation")
    images_per_s: float | None = column("1/s", "training images over train_s", default=None)
    elapsed_train_s: float = column("s", "training clock since the trial began")


@dataclass(frozen=True, kw_only=True)
class TimingRow:
    """One timed round of one phase in one timing block; a block without rounds says why."""

    block: int = column("1", "counted from 0")
    phase: str | None = column("", "data, forward, backward, optimizer, step, epoch, eval")
    round: int | None = column("1", "counted from 0 in its block; 0 is the cold one")
    seconds: float | None = column("s", "one pass through the phase")
    is_warmup: bool | None = column("", "not counted in any statistic")
    status: Status = column("", "how the block ended", default="ok")
    reason: str | None = column("", "why, where the status is not ok", default=None)


ROWS: Mapping[str, type] = {"trials": TrialRow, "epochs": EpochRow, "timings": TimingRow}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one run gave; one JSON file, and the rows that it adds to the tables."""

    run_id: str
    kind: Kind
    study: str
    cell_id: str
    config: Mapping[str, Scalar]
    status: Status
    reason: str | None = None
    traceback: str | None = None
    trial: TrialRow | None = None
    epochs: tuple[EpochRow, ...] = ()
    timings: tuple[TimingRow, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    started_at: str = ""
    wall_s: float = 0.0
    key: Mapping[str, str] = field(default_factory=dict)


def columns_of(row_type: type) -> tuple[str, ...]:
    """List a table's own columns, in order."""
    return tuple(f.name for f in fields(row_type))
