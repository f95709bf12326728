"""Tuning: what is tried before a study's cells are compared, and what is chosen.

For every cell the tuned fields take their best value, by the accuracy on training images that
were held out. What is chosen is then trained like the cells of any study, with other seeds.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.cell_names import owner
from bench.measure.machine import Machine
from bench.records import OutcomeSummary
from bench.stats.selection import best_candidate
from bench.study.design import Grid
from bench.study.runs import PlannedCell, Run, planned_cell
from bench.study.spec import Cell, Study


@dataclass(frozen=True)
class Tuning:
    """What a study tries, and among what it chooses; empty for a study that tunes nothing."""

    study: Study
    candidates: tuple[tuple[PlannedCell, ...], ...]
    declared: tuple[tuple[Cell, ...], ...]

    @property
    def open(self) -> tuple[tuple[PlannedCell, ...], ...]:
        """Of the cells for which there is something to choose, what this machine can try."""
        able = (tuple(p for p in several if p.skip is None) for several in self.candidates)
        return tuple(several for several in able if len(several) > 1) if self.study.tune else ()

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every candidate with every seed, one seed of all before the next."""
        return tuple(self._runs())

    def _runs(self) -> Iterator[Run]:
        tune = self.study.tune
        for seed in tune.seeds if tune else ():
            for candidates in self.open:
                for planned in candidates:
                    yield Run(
                        run_id=f"{planned.cell_id}-t{seed}",
                        kind="tuning",
                        study=self.study.name,
                        planned=planned,
                        seed=seed,
                        timeout_s=self.study.limits.trial_timeout,
                        validation=tune.validation if tune else 0.0,
                    )

    def chosen(self, tried: Mapping[str, OutcomeSummary]) -> list[Cell]:
        """Give every cell at its best, by the outcomes of what was tried (by the run's id)."""
        scores: dict[str, list[float | None]] = defaultdict(list)
        for run in self.runs:
            scores[run.planned.cell_id].append(_accuracy(tried.get(run.run_id)))
        chosen = []
        for candidates, cells in zip(self.candidates, self.declared, strict=True):
            ids = [planned.cell_id for planned in candidates]
            able = [planned.cell_id for planned in candidates if planned.skip is None] or ids
            best = best_candidate({cell_id: scores.get(cell_id, []) for cell_id in able})
            chosen.append(cells[ids.index(best)])
        return chosen

    def base(self, chosen: list[Cell]) -> Cell:
        """Give the baseline cell: the study's base, at its best."""
        own = repr(self.untuned(self.study.base))  # to Python 1 equals True
        return next((c for c in chosen if repr(self.untuned(c)) == own), self.study.base)

    def untuned(self, cell: Cell) -> dict[str, object]:
        """Give a cell's configuration without the tuned fields."""
        tuned = {"lr" if path == "optimizer.lr" else path for path in self.study.tuned}
        return {
            name: value
            for name, value in cell.flat().items()
            if name not in tuned and owner(name) not in tuned
        }


def plan_tuning(study: Study, grid: Grid, machine: Machine, datasets: Mapping[str, str]) -> Tuning:
    """Plan what a study tries on a machine."""
    planned = tuple(
        tuple(planned_cell(cell, machine, datasets) for cell in candidates)
        for candidates in grid.cells
    )
    return Tuning(study, planned, grid.cells)


def _accuracy(brief: OutcomeSummary | None) -> float | None:
    return brief.validation_accuracy if brief is not None and brief.status == "ok" else None
