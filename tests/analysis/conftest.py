"""Small tables by hand: say what matters in a row, the rest is filled in."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hand_made import table

Table = Callable[..., pd.DataFrame]


@pytest.fixture
def trials() -> Table:
    def make(*rows: dict[str, Any]) -> pd.DataFrame:
        return table("trials", *({"status": "ok", "seed": i, **row} for i, row in enumerate(rows)))

    return make


@pytest.fixture
def timings() -> Table:
    def make(*rows: dict[str, Any]) -> pd.DataFrame:
        filled = {"block": 0, "phase": "step", "is_warmup": False, "status": "ok"}
        filled |= {"role": "planned"}
        return table("timings", *({**filled, "round": i, **row} for i, row in enumerate(rows)))

    return make


@pytest.fixture
def blocks() -> Table:
    """Make a blocks table: what the machine did meanwhile."""

    def make(*rows: dict[str, Any]) -> pd.DataFrame:
        filled = {"role": "planned", "status": "ok"}
        return table("blocks", *({**filled, "block": i, **row} for i, row in enumerate(rows)))

    return make


@pytest.fixture
def costs() -> Table:
    def make(*rows: dict[str, Any]) -> pd.DataFrame:
        return table("costs", *({"status": "ok", **row} for row in rows))

    return make


@pytest.fixture
def timed(timings: Table) -> Table:
    """Make a timings table of one cell: seconds by phase for each block, one round each."""

    def make(*phases_of_blocks: dict[str, float], **fields: Any) -> pd.DataFrame:
        return timings(
            *(
                {"block": block, "phase": phase, "seconds": seconds, **fields}
                for block, phases in enumerate(phases_of_blocks)
                for phase, seconds in phases.items()
            )
        )

    return make
