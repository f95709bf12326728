"""Runs of a study on a machine, their ids and their order; and the cells that tuning chooses.

Tuning trials run before the comparison. For every cell the tuned fields take the values with the
best accuracy on held-out training images. The chosen cells are then trained like any others, with
different seeds.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bench.cell_names import owner
from bench.data.images import DataShape
from bench.measure.machine import Machine
from bench.measure.openmp_spin import SPIN_COUNT
from bench.records import (
    LOCKSTEP,
    BlockRow,
    CostRow,
    Kind,
    Outcome,
    OutcomeSummary,
    Role,
    Status,
    TimingRow,
    TrialRow,
    TuningRow,
)
from bench.stats.selection import HALVING_SHARES, best_candidate, halved
from bench.study.choice import MetricChoice
from bench.study.dataset_choice import DatasetChoice
from bench.study.spec import Cell, Study, Target, Timing

Outcomes = Mapping[str, OutcomeSummary]
Candidates = Sequence[Sequence[Cell]]  # resolved cells to choose from, for each cell of the study


@dataclass(frozen=True, slots=True)
class Run:
    """A trial, tuning trial, cost pass or part of a timing set: all that a process needs.

    `block` is the number of the timing set. A detailed part times epochs and the machine too.
    `train_share` is the fraction of the training images that a tuning trial uses.
    `look` counts the looks at the results for which sets or trials were added, this run's included;
    0 where their number was fixed.
    """

    run_id: str
    kind: Kind
    study: str
    cell: Cell
    seed: int
    block: int = 0
    role: Role = "planned"
    timing: Timing | None = None
    target_accuracy: float | None = None
    target: Target | None = None
    metrics: tuple[MetricChoice, ...] = ()
    timeout_s: float | None = None
    validation: float = 0.0
    train_share: float = 1.0
    is_detailed: bool = True
    look: int = 0

    @property
    def is_alone(self) -> bool:
        """Whether no other run may be active on the same machine."""
        return self.kind == "cost" or (self.timing is not None and self.timing.alone)

    def targets(self) -> Iterator[str]:
        """Yield the `module:callable` of every component that the run uses."""
        yield from self.cell.targets()
        yield from (metric.target for metric in self.metrics)

    def configuration(self) -> dict[str, object]:
        """Return everything in the study that the run's numbers depend on."""
        return {**self.cell.identity(), **self.own_configuration()}

    def own_configuration(self) -> dict[str, object]:
        """Return the part of the configuration that is not the cell's alone."""
        fields: dict[str, object] = {"seed": self.seed}
        spin_count = self.cell.spin_count
        fields["spin_count"] = SPIN_COUNT if spin_count == "auto" else spin_count
        match self.kind:
            case "trial":
                fields["target_accuracy"] = self.target_accuracy
                if self.target is not None:
                    fields["target"] = self.target.model_dump()
                if self.metrics:
                    fields["metrics"] = [metric.declared() for metric in self.metrics]
            case "block" if self.timing is not None:
                fields["rounds"] = self.timing.rounds
                if self.is_detailed:
                    fields["epochs"] = self.timing.epochs
                if not self.timing.alone:
                    fields["alone"] = False
            case "tuning":
                fields["validation"] = self.validation
                if self.train_share < 1:
                    fields["train_share"] = self.train_share
        return fields

    def ended(self, status: Status, reason: str | None, wall_s: float) -> Outcome:
        """Return an outcome without measurements."""
        end: dict[str, Any] = {"status": status, "reason": reason}
        trained = {"trial_id": self.run_id, "seed": self.seed, **end}
        timed = {"block": self.block, "role": self.role, **end}
        in_set: dict[str, Any] = {"protocol": LOCKSTEP, "look": self.look}
        unmeasured: dict[str, Any] = dict.fromkeys(("phase", "round", "seconds", "is_warmup"))
        rows: dict[str, Any]
        match self.kind:
            case "trial":
                rows = {"trial": TrialRow(**trained)}
            case "tuning":
                rows = {"tuning": TuningRow(**trained, train_share=self.train_share)}
            case "cost":
                rows = {"cost": CostRow(**end)}
            case "block":
                no_rounds = TimingRow(**timed, **unmeasured)
                rows = {"block": BlockRow(**timed, **in_set), "timings": (no_rounds,)}
        return Outcome(
            run_id=self.run_id,
            kind=self.kind,
            study=self.study,
            cell_id=self.cell.cell_id,
            config=self.cell.flat(),
            wall_s=wall_s,
            **end,
            **rows,
        )


def run_groups(runs: Iterable[Run]) -> Iterator[tuple[Run, ...]]:
    """Group the runs of a timing set, which take turns; every other run is a group of its own."""
    key = lambda run: run.block if run.kind == "block" else run.run_id  # noqa: E731
    for _, group in itertools.groupby(runs, key):
        yield tuple(group)


def run_of(study: Study, cell: Cell, kind: Kind, suffix: str, **fields: Any) -> Run:
    """Return a run of a cell; its id ends in `suffix`, its seed is by default the first one."""
    return Run(
        f"{cell.cell_id}-{suffix}",
        kind,
        study.name,
        cell,
        **{"seed": study.seeds[0], "timeout_s": study.limits.trial_timeout, **fields},
    )


@dataclass(frozen=True)
class UsedDataset:
    """The data set that is used, and its shape; None before it is there."""

    choice: DatasetChoice
    shape: DataShape | None


def resolve(cell: Cell, machine: Machine, datasets: Mapping[str, UsedDataset]) -> Cell:
    """Return a cell as a machine runs or skips it; `datasets` is by the requested ones' labels."""
    used = datasets.get(cell.dataset.label)
    choice, shape = (cell.dataset, None) if used is None else (used.choice, used.shape)
    device = ("cuda" if machine.gpus else "cpu") if cell.device == "auto" else cell.device
    return cell.resolved(
        _unavailable(cell, device, machine),
        device=device,
        threads=machine.cores if cell.threads == "auto" else cell.threads,
        dataset=choice.used(choice.label),
        model=cell.model if shape is None else cell.model.for_data(shape),
    )


def _unavailable(cell: Cell, device: str, machine: Machine) -> str | None:
    if device.startswith("cuda"):
        if not machine.gpus:
            return machine.no_cuda
        if int(device.partition(":")[2] or 0) >= len(machine.gpus):
            return f"no device {device}: this machine has {len(machine.gpus)} GPU(s)"
    elif cell.precision in ("fp16", "tf32"):
        return f"precision {cell.precision} needs a CUDA device"
    elif cell.cuda_graphs:
        return "CUDA graphs need a CUDA device"
    return None


def distinct_cells(resolved: Sequence[Cell], base_id: str) -> tuple[Cell, ...]:
    """Return the distinct cells; first the baseline: `base_id`, or else one that can run."""
    cells: dict[str, Cell] = {}
    for cell in resolved:
        cells.setdefault(cell.cell_id, cell)
    first = min(cells.values(), key=lambda c: (c.skip is not None, c.cell_id != base_id))
    return (first, *(cell for cell in cells.values() if cell is not first))


def trial_run(study: Study, cell: Cell, seed: int, look: int = 0) -> Run:
    """Return the run that trains a cell with a seed, added at this look at the accuracies."""
    return run_of(
        study, cell, "trial", f"s{seed}",
        seed=seed, target_accuracy=study.target_accuracy, target=study.target,
        metrics=study.measured_metrics, look=look,
    )  # fmt: skip


def trial_and_cost_runs(study: Study, cells: Sequence[Cell], look: int = 0) -> Iterator[Run]:
    """Yield the trials, one seed of every cell before the next seed, then a cost pass per cell."""
    for seed in study.seeds:
        for cell in cells:
            yield trial_run(study, cell, seed, look)
    for cell in cells:
        if cell.skip is None:
            yield run_of(study, cell, "cost", "cost")


def tuning_runs(
    study: Study, candidates: Candidates, outcomes: Outcomes = MappingProxyType({})
) -> Iterator[Run]:
    """Yield a trial of every candidate with every tuning seed, one seed of all before the next.

    By halving, those of a further round follow where `outcomes`, by run id, has all of a cell's
    round before.
    """
    if study.tune is None:
        return
    by_cell = [list(_tuning_rounds(study, group, outcomes)) for group in candidates]
    for rounds in itertools.zip_longest(*by_cell, fillvalue=()):
        for seed in study.tune.seeds:
            yield from (run for runs in rounds for run in runs if run.seed == seed)


def _tuning_rounds(
    study: Study, group: Sequence[Cell], outcomes: Outcomes
) -> Iterator[Sequence[Run]]:
    """Yield the rounds of a cell's candidates, as far as the outcomes of the one before tell."""
    tune = study.tune
    left = [cell for cell in group if cell.skip is None]
    if tune is None:
        return
    is_halving = tune.by == "halving"
    for number, share in enumerate(HALVING_SHARES if is_halving else (1.0,)):
        if len(left) < 2:
            return
        suffix = f"-{number}" if is_halving else ""
        runs = [
            run_of(
                study, cell, "tuning", f"t{seed}{suffix}",
                seed=seed, validation=tune.validation, train_share=share,
            )
            for seed in tune.seeds
            for cell in left
        ]  # fmt: skip
        yield runs
        if any(run.run_id not in outcomes for run in runs):
            return
        best = set(halved(_scores(runs, outcomes)))
        left = [cell for cell in left if cell.cell_id in best]


def _scores(runs: Sequence[Run], outcomes: Outcomes) -> dict[str, list[float | None]]:
    """Return the validation accuracies by candidate; None for a trial that did not end ok."""
    scores: dict[str, list[float | None]] = {}
    for run in runs:
        outcome = outcomes.get(run.run_id)
        accuracy = outcome.validation_accuracy if outcome and outcome.status == "ok" else None
        scores.setdefault(run.cell.cell_id, []).append(accuracy)
    return scores


def choose(study: Study, candidates: Candidates, outcomes: Outcomes) -> list[Cell]:
    """Return the best candidate of each cell, given the tuning outcomes by run id."""
    chosen = []
    for group in candidates:
        cells = {c.cell_id: c for c in group if c.skip is None} or {c.cell_id: c for c in group}
        rounds = list(_tuning_rounds(study, group, outcomes))
        scores = _scores(rounds[-1], outcomes) if rounds else {cell_id: [] for cell_id in cells}
        chosen.append(cells[best_candidate(scores)])
    return chosen


def baseline_id(study: Study, base: Cell, chosen: Sequence[Cell]) -> str:
    """Return the id of the baseline: the study's resolved base, with its tuned values."""
    fields = repr(untuned_fields(study, base))  # repr, since 1 == True
    same = (cell.cell_id for cell in chosen if repr(untuned_fields(study, cell)) == fields)
    return next(same, base.cell_id)


def untuned_fields(study: Study, cell: Cell) -> dict[str, object]:
    """Return a cell's configuration without the tuned fields."""
    tuned = {"lr" if path == "optimizer.lr" else path for path in study.tuned}
    return {f: value for f, value in cell.flat().items() if not tuned & {f, owner(f)}}
