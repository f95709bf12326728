"""Tables of timing sets by hand: a step time for each turn of each process."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from hand_made import table

from bench.records import LOCKSTEP

Part = tuple[str, str]  # cell and role
Turns = Sequence[float]
BASELINE, CONTROL = ("a", "planned"), ("a", "twin")


def sets_of(
    *sets: Mapping[Part, Turns],
    warmup: Mapping[Part, Turns] | None = None,
    disturbed: Sequence[tuple[int, Part, int]] = (),
    batch: Mapping[str, int] | None = None,
    phase: str = "step",
    protocol: str | None = LOCKSTEP,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make timings.csv and blocks.csv of sets; `disturbed` are (set, part, turn from 0)."""
    warmup, batch = warmup or {}, batch or {}
    timings: list[dict[str, Any]] = []
    blocks: list[dict[str, Any]] = []
    for number, parts in enumerate(sets):
        for part, turns in parts.items():
            images = batch.get(part[0], 100)
            own = {"cell_id": part[0], "role": part[1], "block": number, "batch_size": images}
            own["status"] = "ok"
            before = len(warmup.get(part, ()))
            timings += [
                {
                    **own, "phase": phase, "round": i, "seconds": s, "is_warmup": i < before,
                    "is_disturbed": (number, part, i - before) in disturbed,
                }
                for i, s in enumerate([*warmup.get(part, ()), *turns])
            ]  # fmt: skip
            blocks.append({**own, "protocol": protocol, "look": 0, "step_images": images})
    return table("timings", *timings), table("blocks", *blocks)


def pace(*factors: float) -> dict[Part, Turns]:
    """Make a set in which the machine is slower by a factor in each round; b takes 1.5 times a."""
    a = np.array(factors)
    return {BASELINE: a, CONTROL: 1.01 * a, ("b", "planned"): 1.5 * a}
