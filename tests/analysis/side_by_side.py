"""Tables of a study by hand: step times by cell and block, the baseline cell's twin beside."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from hand_made import table

# Noise that is the same on both sides of a block, as a machine's moods are.
MOODS = (1.0, 1.3, 0.9, 2.0, 1.1, 0.7)
Times = Mapping[str, Sequence[float]]


def timings_of(
    cells: Times, twin: Sequence[float] = (), role: str = "planned", first: int = 0
) -> pd.DataFrame:
    """Make timings.csv: a step a block; `twin` is of the first cell."""
    sides = [(cell_id, role, seconds) for cell_id, seconds in cells.items()]
    if len(twin):
        sides.append((next(iter(cells)), "twin", twin))
    return table(
        "timings",
        *(
            {
                "cell_id": cell_id, "role": side, "block": block, "phase": "step", "round": 0,
                "seconds": s, "is_warmup": False, "status": "ok",
            }
            for cell_id, side, seconds in sides
            for block, s in enumerate(seconds, start=first)
        ),
    )  # fmt: skip


def blocks_of(timings: pd.DataFrame, *disturbed: tuple[str, str, int]) -> pd.DataFrame:
    """Make blocks.csv of timings; some were disturbed: cell, role, block."""
    parts = timings[["cell_id", "role", "block"]].drop_duplicates()
    return table(
        "blocks",
        *(
            {
                "cell_id": cell_id, "role": role, "block": block, "status": "ok",
                "steal_share": 0.5 if (cell_id, role, block) in disturbed else 0.0,
            }
            for cell_id, role, block in parts.itertuples(index=False)
        ),
    )  # fmt: skip


def trials_of(cells: Mapping[str, Sequence[float | None]]) -> pd.DataFrame:
    """Make trials.csv from test accuracies by cell, a seed each; None is a trial that failed."""
    n = max(len(accuracies) for accuracies in cells.values())
    rows: list[dict[str, Any]] = [
        {
            "trial_id": f"{cell_id}-s{seed}", "cell_id": cell_id, "seed": seed,
            "test_accuracy": accuracies[seed],
            "status": "failed" if accuracies[seed] is None else "ok",
        }
        for seed in range(n)
        for cell_id, accuracies in cells.items()
        if seed < len(accuracies)
    ]  # fmt: skip
    return table("trials", *rows).astype({"test_accuracy": float})
