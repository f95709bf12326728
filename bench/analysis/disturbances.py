"""What the guards of the timing blocks say: which blocks were disturbed, and how the machine moved.

A block counts as disturbed only on evidence from outside its own numbers. Thresholds are shares
of the time in which it ran.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

STEAL = 0.02  # of the CPU time, taken by the host for other guests
PRESSURE = 0.10  # of the wall time, in which some task waited for a core
OTHERS = 0.15  # cores kept busy by other processes; without them, pressure is the cell's own
CALIBRATION = 0.10  # change of the fixed kernel that is worth a word
EVIDENCE = ("steal_share", "pressure_share", "others_cores", "gpu_throttle", "gpu_others")
POWER_CAP = "sw_power_cap"  # a GPU at its power limit is at work, not disturbed


def disturbed(blocks: pd.DataFrame) -> pd.Series:
    """Say of every row of blocks.csv what disturbed it; an empty text for nothing."""
    reasons = [disturbance(row) for row in blocks[list(EVIDENCE)].to_dict("records")]
    return pd.Series(reasons, index=blocks.index, dtype="string")


def disturbance(block: Mapping[Any, Any]) -> str:
    """Say what disturbed a block, from the columns of blocks.csv; an empty text for nothing."""

    def beyond(column: str, limit: float) -> bool:
        return bool(pd.notna(block[column]) and block[column] > limit)

    reasons = []
    if beyond("steal_share", STEAL):
        reasons.append("steal")
    if beyond("pressure_share", PRESSURE) and beyond("others_cores", OTHERS):
        reasons.append("other processes")
    throttle = block["gpu_throttle"]
    if isinstance(throttle, str) and set(throttle.split()) - {POWER_CAP}:
        reasons.append("GPU throttled")
    if beyond("gpu_others", 0):
        reasons.append("another process on the GPU")
    return ", ".join(reasons)


def how_it_moved(blocks: pd.DataFrame) -> str:
    """Say in one line how the machine moved while the blocks ran; empty where it was quiet."""
    measured = blocks[blocks["status"] == "ok"]
    reasons = disturbed(measured)
    n = int((reasons != "").sum())
    seen = {reason for text in reasons for reason in text.split(", ") if reason}
    said = []
    if n:
        worst = [
            f"{name} up to {measured.loc[reasons != '', column].max():{form}}"
            for reason, name, column, form in (
                ("steal", "steal", "steal_share", ".0%"),
                ("other processes", "waiting for a core", "pressure_share", ".0%"),
                ("other processes", "cores taken by others", "others_cores", ".1f"),
            )
            if reason in seen
        ]
        worst += sorted(seen - {"steal", "other processes"})
        were = "was" if n == 1 else "were"
        said.append(f"{n} of {len(measured)} timing blocks {were} disturbed ({', '.join(worst)})")
    spread = calibration_spread(measured)
    if spread > CALIBRATION:
        said.append(f"the same fixed work took up to {spread:.0%} longer in some blocks")
    return "; ".join(said)


def calibration_s(blocks: pd.DataFrame) -> pd.Series:
    """Give the time of the fixed kernel around each block: the mean of before and after."""
    return blocks[["calibration_before_s", "calibration_after_s"]].astype(float).mean(axis=1)


def calibration_spread(blocks: pd.DataFrame) -> float:
    """Say how much longer the fixed kernel took at worst than at its median; 0 without one.

    Blocks are held against blocks with the same device and threads.
    """
    times = calibration_s(blocks).groupby([blocks["device"], blocks["threads"]])
    relative = (times.max() / times.median() - 1).dropna()
    return float(relative.max()) if len(relative) else 0.0


def drift(before: pd.DataFrame, after: pd.DataFrame) -> float | None:
    """Give the ratio of the fixed kernel's median times, `after` over `before`.

    Both are rows of blocks.csv with the same device and threads; None where it wasn't measured.
    """
    medians = [calibration_s(blocks).median() for blocks in (before, after)]
    return None if any(np.isnan(medians)) else float(medians[1] / medians[0])
