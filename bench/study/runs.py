"""From a study and a machine to the runs, their ids and their order."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.measure.machine import Machine
from bench.measure.openmp_spin import SPIN_COUNT
from bench.records import (
    BlockRow,
    CostRow,
    Kind,
    Outcome,
    Role,
    Status,
    TimingRow,
    TrialRow,
    TuningRow,
)
from bench.study.design import LeftOut
from bench.study.spec import Cell, DatasetChoice, Study, Timing


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell as this machine will run it; `skip` says why it can't."""

    cell: Cell
    cell_id: str
    skip: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """One trial, one timing block or one cost pass: all that a process needs to execute it."""

    run_id: str
    kind: Kind
    study: str
    planned: PlannedCell
    seed: int
    block: int = 0
    role: Role = "planned"
    timing: Timing | None = None
    target_accuracy: float | None = None
    timeout_s: float | None = None
    validation: float = 0.0

    @property
    def is_alone(self) -> bool:
        """Whether nothing of ours may run beside it on the same machine."""
        return self.kind == "cost" or (self.timing is not None and self.timing.alone)

    def configuration(self) -> dict[str, object]:
        """Give all that the study says about this run and its numbers depend on."""
        cell = self.planned.cell
        told: dict[str, object] = {**cell.identity(), "seed": self.seed}
        told |= {"spin_count": SPIN_COUNT if cell.spin_count == "auto" else cell.spin_count}
        match self.kind:
            case "trial":
                return told | {"target_accuracy": self.target_accuracy}
            case "block" if self.timing is not None:
                beside = {} if self.timing.alone else {"alone": False}
                return told | self.timing.model_dump(include={"rounds", "epochs"}) | beside
            case "tuning":
                return told | {"validation": self.validation}
            case _:
                return told

    def ended(self, status: Status, reason: str | None, wall_s: float) -> Outcome:
        """Give the outcome of a run that has nothing to tell but how it ended."""
        outcome = Outcome(
            run_id=self.run_id,
            kind=self.kind,
            study=self.study,
            cell_id=self.planned.cell_id,
            config=self.planned.cell.flat(),
            status=status,
            reason=reason,
            wall_s=wall_s,
        )
        match self.kind:
            case "trial":
                trial = TrialRow(trial_id=self.run_id, seed=self.seed, status=status, reason=reason)
                return replace(outcome, trial=trial)
            case "tuning":
                tried = TuningRow(
                    trial_id=self.run_id, seed=self.seed, status=status, reason=reason
                )
                return replace(outcome, tuning=tried)
            case "cost":
                return replace(outcome, cost=CostRow(status=status, reason=reason))
            case "block":
                block = BlockRow(block=self.block, role=self.role, status=status, reason=reason)
                unmeasured = TimingRow(
                    block=self.block,
                    phase=None,
                    round=None,
                    seconds=None,
                    is_warmup=None,
                    role=self.role,
                    status=status,
                    reason=reason,
                )
                return replace(outcome, block=block, timings=(unmeasured,))


@dataclass(frozen=True)
class Plan:
    """A study's cells as this machine will run them, checked; the baseline cell is the first.

    `runs` are those that stand alone: the trials, and a cost pass a cell. Timing blocks belong
    together and are planned by `bench.study.timing_blocks`.
    """

    study: Study
    cells: tuple[PlannedCell, ...]
    runs: tuple[Run, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def timed(self) -> tuple[PlannedCell, ...]:
        """The cells that this machine can time; none where timing is off."""
        return tuple(c for c in self.cells if c.skip is None and self.study.timing is not None)

    def resolved(self) -> dict[str, object]:
        """Give the study with every default filled in, as `study.yaml` holds it."""
        declared = self.study.model_dump()
        declared["timing"] = declared["timing"] or "off"
        return declared


def make_plan(
    study: Study,
    declared: Sequence[Cell],
    machine: Machine,
    datasets: Mapping[str, str],
    *,
    base: Cell | None = None,
    left_out: tuple[LeftOut, ...] = (),
) -> Plan:
    """Plan a study's cells on a machine; `base` is the baseline cell, the study's own by default.

    `datasets` names, for each data set asked for, the one that serves. Cells that this machine
    makes equal (`auto` and what it stands for) are one cell. Trials come first, one seed of
    every cell before the next, then the cost passes.
    """
    cells: dict[str, PlannedCell] = {}
    for cell in declared:
        planned = planned_cell(cell, machine, datasets)
        cells.setdefault(planned.cell_id, planned)
    base_id = planned_cell(base or study.base, machine, datasets).cell_id
    # Stable: the base cell first, or else the first that can be run; the others as they were.
    ordered = sorted(cells.values(), key=lambda c: (c.skip is not None, c.cell_id != base_id))
    first = ordered[0]
    planned_cells = (first, *(c for c in cells.values() if c is not first))
    runs = (*_trials(study, planned_cells), *_costs(study, planned_cells))
    return Plan(study, planned_cells, runs, left_out)


def planned_cell(cell: Cell, machine: Machine, datasets: Mapping[str, str]) -> PlannedCell:
    """Give a cell as this machine will run it."""
    resolved = _resolved(cell, machine, datasets)
    return PlannedCell(resolved, cell_id(resolved), _unavailable(resolved, machine))


def cell_id(cell: Cell) -> str:
    """Name a cell: readable first, then a digest of its whole configuration."""
    model = cell.model.name.rsplit(":")[-1].lower()
    words = (model, f"b{cell.batch_size}", cell.optimizer.name, cell.device)
    slug = re.sub(r"[^a-z0-9_]+", "-", "-".join(words).lower())
    canonical = json.dumps(cell.identity(), sort_keys=True)
    return f"{slug[:80]}-{hashlib.sha256(canonical.encode()).hexdigest()[:8]}"


def _resolved(cell: Cell, machine: Machine, datasets: Mapping[str, str]) -> Cell:
    asked = cell.dataset.name
    return cell.model_copy(
        update={
            "device": ("cuda" if machine.gpus else "cpu") if cell.device == "auto" else cell.device,
            "threads": machine.cores if cell.threads == "auto" else cell.threads,
            "dataset": DatasetChoice(name=datasets.get(asked, asked)),
        }
    )


def _unavailable(cell: Cell, machine: Machine) -> str | None:
    """Say why this machine can't run a cell; None when it can."""
    if cell.device.startswith("cuda"):
        if not machine.gpus:
            return machine.no_cuda
        index = int(cell.device.partition(":")[2] or 0)
        if index >= len(machine.gpus):
            return f"no device {cell.device}: this machine has {len(machine.gpus)} GPU(s)"
    elif cell.precision in ("fp16", "tf32"):
        return f"precision {cell.precision} needs a CUDA device"
    elif cell.cuda_graphs:
        return "CUDA graphs need a CUDA device"
    return None


def _trials(study: Study, cells: tuple[PlannedCell, ...]) -> Iterator[Run]:
    for seed in study.seeds:
        for planned in cells:
            yield Run(
                run_id=f"{planned.cell_id}-s{seed}",
                kind="trial",
                study=study.name,
                planned=planned,
                seed=seed,
                target_accuracy=study.target_accuracy,
                timeout_s=study.limits.trial_timeout,
            )


def _costs(study: Study, cells: tuple[PlannedCell, ...]) -> Iterator[Run]:
    for planned in cells:
        if planned.skip is None:
            yield Run(
                run_id=f"{planned.cell_id}-cost",
                kind="cost",
                study=study.name,
                planned=planned,
                seed=study.seeds[0],
                timeout_s=study.limits.trial_timeout,
            )
