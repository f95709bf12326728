"""Timing blocks: which cells are timed together, in which order, and which are missing.

In a block every cell that takes part is timed once, in random order, each in a fresh process, and
the baseline twice (the A/A control). A block's number is used in one session only. What an
interruption, a new cell or a higher `timing.blocks` leaves missing is timed in new blocks, again
together with the baseline.
"""

import random
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.records import Role
from bench.study.runs import Run, run_of
from bench.study.spec import Cell, Study

T = TypeVar("T")


@dataclass(frozen=True)
class BlockPart:
    """One cell's part of a timing block."""

    cell_id: str
    role: Role
    block: int


def timed_cells(study: Study, cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells to time, the baseline first; none where timing is off."""
    return [cell for cell in cells if cell.skip is None] if study.timing else []


def block_runs(
    study: Study, cells: Sequence[Cell], done: Collection[BlockPart], used: Collection[int]
) -> list[Run]:
    """Return the runs of the blocks that are missing beside the valid ones in `done`.

    `used` are the block numbers in the results folder, valid or not. A cell's block counts where
    the baseline and its A/A control were timed in it too.
    """
    timed = timed_cells(study, cells)
    if study.timing is None or not timed:
        return []
    baseline, *others = timed
    missing = {
        cell.cell_id: study.timing.blocks - len(_complete(cell, baseline, done)) for cell in timed
    }
    first = 1 + max(used, default=-1)
    runs: list[Run] = []
    for i in range(max(missing.values())):
        lacking = [cell for cell in others if missing[cell.cell_id] > i]
        runs += _block(study, first + i, [baseline, *lacking])
    return runs


def replacement_runs(
    study: Study,
    cells: Sequence[Cell],
    done: Collection[BlockPart],
    clean: Collection[BlockPart],
    block: int,
) -> list[Run]:
    """Return a block of the cells that lack blocks only because some were disturbed."""
    timed = timed_cells(study, cells)
    if study.timing is None or not timed:
        return []
    baseline, wanted = timed[0], study.timing.blocks
    again = [
        cell
        for cell in timed
        if len(_complete(cell, baseline, clean)) < wanted <= len(_complete(cell, baseline, done))
    ]
    others = [cell for cell in again if cell is not baseline]
    return list(_block(study, block, [baseline, *others])) if again else []


def extra_runs(study: Study, cells: Sequence[Cell], block: int) -> list[Run]:
    """Return another block of some cells to narrow their intervals; verdicts ignore these."""
    return [block_run(study, cell, "extra", block) for cell in _shuffled(study, cells, block)]


def block_run(study: Study, cell: Cell, role: Role, block: int) -> Run:
    """Return the run of a cell's part of a block."""
    suffix = "" if role == "planned" else f"-{role}"
    fields = {"block": block, "role": role, "timing": study.timing}
    return run_of(study, cell, "block", f"b{block}{suffix}", **fields)


def _complete(cell: Cell, baseline: Cell, done: Collection[BlockPart]) -> set[int]:
    """Return the blocks in which a cell, the baseline and its A/A control were all timed."""
    blocks: dict[tuple[str, Role], set[int]] = defaultdict(set)
    for part in done:
        blocks[part.cell_id, part.role].add(part.block)
    controlled = blocks[baseline.cell_id, "planned"] & blocks[baseline.cell_id, "twin"]
    return blocks[cell.cell_id, "planned"] & controlled


def _block(study: Study, block: int, cells: Sequence[Cell]) -> Iterator[Run]:
    """Yield the runs of a block; the first cell is timed twice."""
    for i, cell in _shuffled(study, list(enumerate([*cells, cells[0]])), block):
        yield block_run(study, cell, "twin" if i == len(cells) else "planned", block)


def _shuffled(study: Study, items: Sequence[T], block: int) -> list[T]:
    """Shuffle by the study's name and the block's number, the same way every time."""
    return random.Random(f"{study.name} {block}").sample(items, len(items))
