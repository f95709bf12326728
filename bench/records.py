"""The rows of every table with column, type and unit, and the outcome that contains them.

A row class defines the columns of its own table. The columns that identify the cell (`study`,
`cell_id` and the flat configuration) precede them in every table and are stored once per outcome.
SI units, accuracies as fractions, None (a blank in CSV) where not measured.

History of the format:
  1  first version
  2  blocks.csv and costs.csv; a timing's `role`; flops_per_image from trials.csv to costs.csv
  3  tuning.csv; steps and steps_to_target in trials.csv
  4  jobs in trials.csv, tuning.csv and blocks.csv
  5  machine and node in trials.csv, tuning.csv, blocks.csv and costs.csv
  6  step_images in blocks.csv
  7  at_s and is_disturbed in timings.csv; protocol, look, passes_s and step_page_faults in
     blocks.csv. A block is a timing set, whose cells took turns; before, a cell's rounds were
     timed in one stretch
  8  look in trials.csv; train_share in tuning.csv; misclassified.csv
  9  metrics.csv; data_digest in trials.csv, tuning.csv, blocks.csv and costs.csv
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

SCHEMA_VERSION = 9

Scalar = bool | int | float | str | None
Status = Literal["ok", "skipped", "failed", "diverged", "timeout", "oom"]
# tuning: one cell trained on a part of the training set and evaluated on the rest of it.
Kind = Literal["trial", "block", "cost", "tuning"]
# twin: the A/A control, the baseline timed a second time in the set, for the noise floor. extra: in
# older results, a block that was added to narrow an interval; in medians, never in a verdict.
Role = Literal["planned", "twin", "extra"]
LOCKSTEP = "lockstep"  # the protocol of timing sets; older rows have none

# The first columns of every table; the other configuration fields follow by their dotted path.
IDENTITY = ("study", "cell_id", "model", "dataset", "batch_size", "optimizer", "lr", "device")

# The phases of training that a timing set measures, in the order in which they happen.
# `device` is a step's time on a GPU alone, all of it launched beforehand.
STEP_PHASES = ("data", "forward", "backward", "optimizer")
MARKED_PHASES = STEP_PHASES[1:]  # what a training step of the user's own may mark
PHASES = (*STEP_PHASES, "step", "device", "epoch", "eval")


def column(unit: str, meaning: str, **kwargs: Any) -> Any:
    """Declare a column of a table with its unit and meaning."""
    return field(metadata={"unit": unit, "meaning": meaning}, **kwargs)


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """One cell trained and evaluated with one seed."""

    trial_id: str = column("", "cell and seed")
    seed: int = column("", "seed of initialisation and data order")
    status: Status = column("", "how the trial ended")
    reason: str | None = column("", "why, where the status is not ok", default=None)
    epochs_done: int | None = column("1", "epochs finished", default=None)
    steps: int | None = column("1", "training steps taken", default=None)
    test_accuracy: float | None = column("fraction", "after the last epoch", default=None)
    test_loss: float | None = column("nat", "mean, after the last epoch", default=None)
    best_test_accuracy: float | None = column("fraction", "over the epochs", default=None)
    train_s: float | None = column("s", "training clock, data included", default=None)
    eval_s: float | None = column("s", "all evaluations", default=None)
    wall_s: float | None = column("s", "the trial, set-up included", default=None)
    images_per_s: float | None = column("1/s", "training images over train_s", default=None)
    time_to_target_s: float | None = column(
        "s", "training clock at the first evaluation at the target; inf: missed", default=None
    )
    steps_to_target: float | None = column(
        "1", "training steps up to then; inf: missed", default=None
    )
    peak_memory_bytes: int | None = column("B", "peak resident or device memory", default=None)
    parameters: int | None = column("1", "trainable parameters", default=None)
    look: int | None = column(
        "1", "the look at the accuracies for which it was added", default=None
    )
    jobs: int | None = column("1", "runs active at once at most, itself included", default=None)
    machine: str | None = column("", "processor, cores and GPUs", default=None)
    node: str | None = column("", "machine of a cluster", default=None)
    data_digest: str | None = column("", "of the data set's content", default=None)


@dataclass(frozen=True, kw_only=True)
class MisclassifiedRow:
    """The test images that one trial misclassified after its last epoch.

    `wrong` has of each image its index in the test set, label and predicted class;
    `bench.misclassified` packs and unpacks it.
    """

    trial_id: str = column("", "cell and seed")
    seed: int = column("", "seed of initialisation and data order")
    test_images: int = column("1", "images of the test set")
    wrong: str = column("", "index, label and predicted class of each, packed")


@dataclass(frozen=True, kw_only=True)
class TuningRow:
    """One candidate trained with one seed on a part of the training set, evaluated on the rest."""

    trial_id: str = column("", "cell and seed")
    seed: int = column("", "seed of initialisation and data order")
    status: Status = column("", "how the trial ended")
    reason: str | None = column("", "why, where the status is not ok", default=None)
    validation_accuracy: float | None = column("fraction", "after the last epoch", default=None)
    validation_loss: float | None = column("nat", "mean, after the last epoch", default=None)
    validation_images: int | None = column("1", "training images held out", default=None)
    train_share: float | None = column(
        "fraction", "of the other training images, by halving less than 1", default=None
    )
    train_s: float | None = column("s", "training clock, data included", default=None)
    wall_s: float | None = column("s", "the trial, set-up included", default=None)
    jobs: int | None = column("1", "runs active at once at most, itself included", default=None)
    machine: str | None = column("", "processor, cores and GPUs", default=None)
    node: str | None = column("", "machine of a cluster", default=None)
    data_digest: str | None = column("", "of the data set's content", default=None)


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
class MetricRow:
    """A metric of a trial's test set after one epoch."""

    trial_id: str = column("", "cell and seed")
    seed: int = column("", "seed of initialisation and data order")
    epoch: int = column("1", "counted from 1; 0: before any training")
    metric: str = column("", "its name in the study")
    value: float | None = column("", "in the metric's own unit; blank: not a finite number")
    is_lower_better: bool = column("", "whether a lower value is better", default=False)


@dataclass(frozen=True, kw_only=True)
class TimingRow:
    """One phase in one turn of a cell in a timing set, or why there are none.

    A turn's value is the median of its steps; where steps are short, the first doesn't count.
    """

    block: int = column("1", "number of the timing set, counted from 0")
    phase: str | None = column("", "data, forward, backward, optimizer, step, device, epoch, eval")
    round: int | None = column("1", "counted from 0 in its set, warm-up included")
    seconds: float | None = column("s", "one pass through the phase")
    is_warmup: bool | None = column("", "not counted in any statistic")
    role: Role = column("", "planned, twin (the A/A control) or extra", default="planned")
    status: Status = column("", "how the cell's part of the set ended", default="ok")
    reason: str | None = column("", "why, where the status is not ok", default=None)
    at_s: float | None = column("s", "middle of the turn since the set's start", default=None)
    is_disturbed: bool | None = column(
        "", "the process waited for a core: not counted, nor compared", default=None
    )


@dataclass(frozen=True, kw_only=True)
class BlockRow:
    """A cell's part of a timing set: how it ended, and the state of the machine meanwhile."""

    block: int = column("1", "number of the set: cells with the same number took turns")
    role: Role = column("", "planned, twin (the A/A control) or extra")
    status: Status = column("", "how it ended")
    reason: str | None = column("", "why, where the status is not ok", default=None)
    protocol: str | None = column("", "lockstep; blank: rounds in one stretch", default=None)
    look: int | None = column("1", "the look at the results for which it was added", default=None)
    started_at: str | None = column("", "UTC", default=None)
    wall_s: float | None = column("s", "its turns, set-up included", default=None)
    passes_s: float | None = column(
        "s", "of it epochs, evaluations and the machine's own measurements", default=None
    )
    jobs: int | None = column("1", "runs active at once at most, itself included", default=None)
    machine: str | None = column("", "processor, cores and GPUs", default=None)
    node: str | None = column("", "machine of a cluster", default=None)
    data_digest: str | None = column("", "of the data set's content", default=None)
    train_images: int | None = column("1", "images an epoch", default=None)
    step_images: int | None = column("1", "images of each timed step", default=None)
    calibration_before_s: float | None = column("s", "the fixed kernel before", default=None)
    calibration_after_s: float | None = column("s", "the fixed kernel after", default=None)
    steal_share: float | None = column("fraction", "CPU time taken by the host", default=None)
    pressure_share: float | None = column(
        "fraction", "time with a task waiting for a core", default=None
    )
    others_cores: float | None = column("1", "cores kept busy by others", default=None)
    involuntary_switches: int | None = column("1", "of its process", default=None)
    cpu_over_wall: float | None = column("1", "CPU time of the process over wall", default=None)
    step_page_faults: float | None = column(
        "1", "pages mapped a step, which the allocator had given back", default=None
    )
    gpu_clock_mhz: float | None = column("MHz", "the lower of before and after", default=None)
    gpu_throttle: str | None = column("", "active throttle reasons", default=None)
    gpu_others: int | None = column("1", "other compute processes on the GPU", default=None)
    peak_flops_per_s: float | None = column("FLOP/s", "a large matrix product", default=None)
    peak_bytes_per_s: float | None = column("B/s", "a large copy, read and written", default=None)
    two_images_s: float | None = column("s", "forward, backward of two images", default=None)


@dataclass(frozen=True, kw_only=True)
class CostRow:
    """The cost of a cell's training step, counted and measured in a separate pass."""

    status: Status = column("", "how the pass ended")
    reason: str | None = column("", "why, where the status is not ok", default=None)
    flops_per_image: float | None = column("FLOP", "one forward and backward", default=None)
    step_flops: float | None = column("FLOP", "one training step", default=None)
    step_bytes: float | None = column("B", "read and written by its operations", default=None)
    step_operations: int | None = column("1", "operations dispatched", default=None)
    step_peak_bytes: int | None = column("B", "peak resident set or allocator", default=None)
    step_base_bytes: int | None = column("B", "the same before the first step", default=None)
    step_device_bytes: int | None = column("B", "in use on the GPU, all processes", default=None)
    machine: str | None = column("", "processor, cores and GPUs", default=None)
    node: str | None = column("", "machine of a cluster", default=None)
    data_digest: str | None = column("", "of the data set's content", default=None)


ROWS: Mapping[str, type] = {
    "trials": TrialRow,
    "epochs": EpochRow,
    "timings": TimingRow,
    "blocks": BlockRow,
    "costs": CostRow,
    "tuning": TuningRow,
    "misclassified": MisclassifiedRow,
    "metrics": MetricRow,
}

# The columns that, with the cell, identify a row of each table.
KEYS: Mapping[str, tuple[str, ...]] = {
    "trials": ("seed",),
    "epochs": ("seed", "epoch"),
    "timings": ("block", "role", "phase", "round"),
    "blocks": ("block", "role"),
    "costs": (),
    "tuning": ("seed", "train_share"),
    "misclassified": ("seed",),
    "metrics": ("seed", "epoch", "metric"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeSummary:
    """What a session keeps in memory of a stored outcome; its rows are in its file."""

    kind: Kind
    cell_id: str
    status: Status
    wall_s: float
    key: Mapping[str, str]
    block: BlockRow | None
    seed: int | None
    look: int | None
    test_accuracy: float | None
    validation_accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of one run: one JSON file, and the rows that it adds to the tables."""

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
    block: BlockRow | None = None
    cost: CostRow | None = None
    tuning: TuningRow | None = None
    misclassified: MisclassifiedRow | None = None
    metrics: tuple[MetricRow, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    started_at: str = ""
    wall_s: float = 0.0
    key: Mapping[str, str] = field(default_factory=dict)

    def summary(self) -> OutcomeSummary:
        """Return what a session keeps in memory; strings shared by many outcomes are interned."""
        return OutcomeSummary(
            kind=self.kind,
            cell_id=sys.intern(self.cell_id),
            status=self.status,
            wall_s=self.wall_s,
            key={sys.intern(part): sys.intern(value) for part, value in self.key.items()},
            block=self.block,
            seed=self.trial.seed if self.trial else None,
            look=self.trial.look if self.trial else None,
            test_accuracy=self.trial.test_accuracy if self.trial else None,
            validation_accuracy=self.tuning.validation_accuracy if self.tuning else None,
        )

    def with_key(self, key: Mapping[str, str]) -> "Outcome":
        """Return the outcome with these parts of its key, and the data's digest in its row."""
        digest: dict[str, Any] = {"data_digest": key.get("data")}
        return replace(
            self,
            key={**self.key, **key},
            trial=self.trial and replace(self.trial, **digest),
            tuning=self.tuning and replace(self.tuning, **digest),
            block=self.block and replace(self.block, **digest),
            cost=self.cost and replace(self.cost, **digest),
        )

    def with_place(self, machine: str, node: str, jobs: int) -> "Outcome":
        """Return the outcome with its machine, node and parallel jobs in its row."""
        place: dict[str, Any] = {"machine": machine or None, "node": node or None}
        return replace(
            self,
            trial=self.trial and replace(self.trial, jobs=jobs, **place),
            tuning=self.tuning and replace(self.tuning, jobs=jobs, **place),
            block=self.block and replace(self.block, jobs=jobs, **place),
            cost=self.cost and replace(self.cost, **place),
        )


def columns_of(row_type: type) -> tuple[str, ...]:
    """Return a table's own columns in order."""
    return tuple(f.name for f in fields(row_type))
