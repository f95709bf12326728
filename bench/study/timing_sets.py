"""Timing sets: which cells are timed together, in which order, and which are missing.

In a set every cell that takes part is timed once, each in a fresh process, and the baseline twice
(the A/A control); the processes take turns. A set's number is used in one session only. What an
interruption, a new cell or a higher `timing.sets` leaves missing is timed in new sets, again
together with the baseline.
"""

import random
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.records import BlockRow, Role
from bench.study.runs import Run, run_of
from bench.study.spec import MIN_SETS, Cell, Study

MOST_CELLS = 10  # in a set besides the baseline
PROCESS_BYTES = 2**30  # more than a process of these networks needs


@dataclass(frozen=True)
class SetPart:
    """One cell's part of a timing set."""

    cell_id: str
    role: Role
    block: int


Parts = Mapping[SetPart, BlockRow]


def timed_cells(study: Study, cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells to time, the baseline first; none where timing is off."""
    return [cell for cell in cells if cell.skip is None] if study.timing else []


def cells_per_set(memory_bytes: int) -> int:
    """Return how many cells besides the baseline a set may have on a machine of this memory."""
    return max(1, min(MOST_CELLS, memory_bytes // PROCESS_BYTES - 2))


def sets_wanted(study: Study, cells: Sequence[Cell], done: Parts) -> int:
    """Return the number of sets of each cell: `timing.sets`, or as many as fit the budget.

    Six to begin with; what fits follows from their durations alone, so that the number neither
    depends on what was measured nor changes once they are there. Later sets are shorter, since
    they time no epochs.
    """
    if study.timing is None:
        return 0
    if study.timing.sets is not None:
        return study.timing.sets
    walls_s: dict[tuple[str, Role], list[tuple[float, float]]] = defaultdict(list)
    for part in sorted(done, key=lambda part: part.block):
        row = done[part]
        walls_s[part.cell_id, part.role].append((row.wall_s or 0.0, row.passes_s or 0.0))
    timed = timed_cells(study, cells)
    keys = [(cell.cell_id, "planned") for cell in timed]
    keys += [(cell.cell_id, "twin") for cell in timed[:1]]
    firsts = [walls_s[key][:MIN_SETS] for key in keys]  # type: ignore[index]
    if not firsts or any(len(first) < MIN_SETS for first in firsts):
        return MIN_SETS
    spent_s = sum(wall_s for first in firsts for wall_s, _ in first)
    set_s = sum(statistics.median(wall - passes for wall, passes in first) for first in firsts)
    return MIN_SETS + max(0, int((study.timing.budget - spent_s) / max(set_s, 1e-3)))


def set_runs(
    study: Study,
    cells: Sequence[Cell],
    done: Collection[SetPart],
    used: Collection[int],
    wanted: int,
    look: int = 0,
    most: int = MOST_CELLS,
) -> list[Run]:
    """Return the runs of the sets that are missing beside the valid ones in `done`.

    A set has at most `most` cells besides the baseline, and counts for a cell where the baseline
    and its A/A control were timed in it too. `used` are the set numbers in the results folder,
    valid or not.
    """
    timed = timed_cells(study, cells)
    if study.timing is None or not timed:
        return []
    baseline, *others = timed
    counts = set_counts(timed, done)
    number = 1 + max(used, default=-1)
    runs: list[Run] = []
    for i in range(wanted - min(counts.values())):
        lacking = [cell for cell in others if counts[cell.cell_id] + i < wanted]
        groups = [lacking[k : k + most] for k in range(0, len(lacking), most)]
        for group in groups or [[]]:
            members = [baseline, *group]
            is_detailed = any(counts[cell.cell_id] + i < MIN_SETS for cell in members)
            runs += _set(study, number, members, is_detailed=is_detailed, look=look)
            number += 1
    return runs


def replacement_runs(
    study: Study,
    cells: Sequence[Cell],
    done: Collection[SetPart],
    clean: Collection[SetPart],
    number: int,
    wanted: int,
    most: int = MOST_CELLS,
) -> list[Run]:
    """Return a set of the cells that lack sets only because some were disturbed."""
    timed = timed_cells(study, cells)
    if study.timing is None or not timed:
        return []
    baseline = timed[0]
    clean_counts, counts = set_counts(timed, clean), set_counts(timed, done)
    again = [c for c in timed if clean_counts[c.cell_id] < wanted <= counts[c.cell_id]]
    others = [cell for cell in again if cell is not baseline][:most]
    return list(_set(study, number, [baseline, *others])) if again else []


def set_run(study: Study, cell: Cell, role: Role, number: int, **fields: object) -> Run:
    """Return the run of a cell's part of a set."""
    suffix = "" if role == "planned" else f"-{role}"
    fields = {"block": number, "role": role, "timing": study.timing, **fields}
    return run_of(study, cell, "block", f"b{number}{suffix}", **fields)


def set_counts(timed: Sequence[Cell], done: Collection[SetPart]) -> dict[str, int]:
    """Return by cell the number of sets in which it, the baseline and its control were timed.

    The baseline is the first cell.
    """
    numbers: dict[tuple[str, Role], set[int]] = defaultdict(set)
    for part in done:
        numbers[part.cell_id, part.role].add(part.block)
    baseline = timed[0].cell_id
    controlled = numbers[baseline, "planned"] & numbers[baseline, "twin"]
    return {c.cell_id: len(numbers[c.cell_id, "planned"] & controlled) for c in timed}


def _set(study: Study, number: int, cells: Sequence[Cell], **fields: object) -> Iterator[Run]:
    """Yield the runs of a set in random order; the first cell is timed twice."""
    members: list[tuple[Cell, Role]] = [(cell, "planned") for cell in cells]
    members.append((cells[0], "twin"))
    order = random.Random(f"{study.name} {number}").sample(members, len(members))
    for cell, role in order:
        yield set_run(study, cell, role, number, **fields)
