"""The tuning stage: trials that run before the comparison, and the cells that they choose.

For every cell the tuned fields take the values with the best accuracy on held-out training
images. The chosen cells are then trained like any others, with different seeds.
"""

from collections.abc import Iterator, Mapping, Sequence

from bench.cell_names import owner
from bench.records import OutcomeSummary
from bench.stats.selection import best_candidate
from bench.study.runs import Run, run_of
from bench.study.spec import Cell, Study

Candidates = Sequence[Sequence[Cell]]  # resolved cells to choose from, for each cell of the study


def tuning_runs(study: Study, candidates: Candidates) -> Iterator[Run]:
    """Yield a trial of every candidate with every tuning seed, one seed of all before the next."""
    if study.tune is None:
        return
    for seed in study.tune.seeds:
        for group in candidates:
            runnable = [cell for cell in group if cell.skip is None]
            for cell in runnable if len(runnable) > 1 else ():
                held_out = study.tune.validation
                yield run_of(study, cell, "tuning", f"t{seed}", seed=seed, validation=held_out)


def choose(
    study: Study, candidates: Candidates, outcomes: Mapping[str, OutcomeSummary]
) -> list[Cell]:
    """Return the best candidate of each cell, given the tuning outcomes by run id."""
    scores: dict[str, list[float | None]] = {}
    for run in tuning_runs(study, candidates):
        outcome = outcomes.get(run.run_id)
        accuracy = outcome.validation_accuracy if outcome and outcome.status == "ok" else None
        scores.setdefault(run.cell.cell_id, []).append(accuracy)
    chosen = []
    for group in candidates:
        cells = {c.cell_id: c for c in group if c.skip is None} or {c.cell_id: c for c in group}
        best = best_candidate({cell_id: scores.get(cell_id, []) for cell_id in cells})
        chosen.append(cells[best])
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
