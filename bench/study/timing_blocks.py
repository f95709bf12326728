"""Timing blocks: which cells are timed side by side, in which order, and what is still missing.

A block is one interleaving: every cell that takes part is timed in it once, in a shuffled order,
each in a fresh process, and the baseline cell twice (its twin shows what no change looks like).
A block's number is used in one session only, so that cells with the same number were neighbours.
What an interruption, a new cell or a higher `timing.blocks` leaves missing is timed in new blocks,
again beside the baseline cell.
"""

import random
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.records import Role
from bench.study.runs import Plan, PlannedCell, Run

Part = TypeVar("Part")


@dataclass(frozen=True)
class Timed:
    """A cell's part in a block."""

    cell_id: str
    role: Role
    block: int


def block_runs(plan: Plan, done: Collection[Timed], used: Collection[int]) -> list[Run]:
    """Plan the blocks that a study still asks for, beside those that are `done` and valid.

    `used` are the block numbers of any outcome in the results folder, valid or not. A cell's
    block counts where the baseline and its twin were timed in it, too.
    """
    timing = plan.study.timing
    if timing is None or not plan.timed:
        return []
    missing = {
        planned.cell_id: timing.blocks - len(_counted(planned, plan.timed[0], done))
        for planned in plan.timed
    }
    first = 1 + max(used, default=-1)
    runs: list[Run] = []
    for i in range(max(missing.values())):
        others = [c for c in plan.timed[1:] if missing[c.cell_id] > i]
        runs += _block(plan, first + i, [plan.timed[0], *others])
    return runs


def replacement_runs(
    plan: Plan, done: Collection[Timed], clean: Collection[Timed], block: int
) -> list[Run]:
    """Time again, side by side, the cells that lack blocks only because some were disturbed."""
    timing = plan.study.timing
    if timing is None or not plan.timed:
        return []
    baseline = plan.timed[0]
    again = [
        planned
        for planned in plan.timed
        if len(_counted(planned, baseline, done)) >= timing.blocks
        and len(_counted(planned, baseline, clean)) < timing.blocks
    ]
    others = [planned for planned in again if planned is not baseline]
    return list(_block(plan, block, [baseline, *others])) if again else []


def extra_runs(plan: Plan, cells: Sequence[PlannedCell], block: int) -> list[Run]:
    """Time some cells once more, to narrow their intervals; verdicts don't look at these."""
    return [block_run(plan, planned, "extra", block) for planned in _shuffled(plan, cells, block)]


def block_run(plan: Plan, planned: PlannedCell, role: Role, block: int) -> Run:
    """Give the run of a cell's part in a block."""
    suffix = "" if role == "planned" else f"-{role}"
    return Run(
        run_id=f"{planned.cell_id}-b{block}{suffix}",
        kind="block",
        study=plan.study.name,
        planned=planned,
        seed=plan.study.seeds[0],
        block=block,
        role=role,
        timing=plan.study.timing,
        timeout_s=plan.study.limits.trial_timeout,
    )


def _counted(planned: PlannedCell, baseline: PlannedCell, done: Collection[Timed]) -> set[int]:
    """List the blocks in which a cell, the baseline and its twin were all timed."""
    blocks: dict[tuple[str, Role], set[int]] = defaultdict(set)
    for timed in done:
        blocks[timed.cell_id, timed.role].add(timed.block)
    anchored = blocks[baseline.cell_id, "planned"] & blocks[baseline.cell_id, "twin"]
    return blocks[planned.cell_id, "planned"] & anchored


def _block(plan: Plan, block: int, cells: Sequence[PlannedCell]) -> Iterator[Run]:
    """Time cells side by side, the first of them twice."""
    for i, planned in _shuffled(plan, list(enumerate([*cells, cells[0]])), block):
        yield block_run(plan, planned, "twin" if i == len(cells) else "planned", block)


def _shuffled(plan: Plan, parts: Sequence[Part], block: int) -> list[Part]:
    """Shuffle by the study's name and the block's number: the same study, the same order."""
    return random.Random(f"{plan.study.name} {block}").sample(parts, len(parts))
