"""Disturbed timing sets, and how the machine's speed changed while sets ran.

A set counts as disturbed only on evidence from outside its own times. Thresholds are fractions
of the time in which it ran.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.formatting import plural

STEAL = 0.02  # of the CPU time, taken by the host for other guests
PRESSURE = 0.10  # of the wall time, in which some task waited for a core
OTHERS = 0.15  # cores kept busy by other processes; without them, pressure is the cell's own
CALIBRATION = 0.10  # change of the fixed kernel's time that is worth reporting
EVIDENCE = ("steal_share", "pressure_share", "others_cores", "gpu_throttle", "gpu_others")
POWER_CAP = "sw_power_cap"  # a GPU at its power limit is at work, not disturbed


def disturbance_reasons(blocks: pd.DataFrame) -> pd.Series:
    """Return what disturbed each row of blocks.csv; an empty text for nothing."""
    reasons = [disturbance(row) for row in blocks[list(EVIDENCE)].to_dict("records")]
    return pd.Series(reasons, index=blocks.index, dtype="string")


def disturbance(block: Mapping[Any, Any]) -> str:
    """Return what disturbed a row of blocks.csv, from its columns; an empty text for nothing."""

    def exceeds(column: str, limit: float) -> bool:
        return bool(pd.notna(block[column]) and block[column] > limit)

    throttle = block["gpu_throttle"]
    throttles = set(throttle.split()) if isinstance(throttle, str) else set()
    reasons = {
        "steal": exceeds("steal_share", STEAL),
        "other processes": exceeds("pressure_share", PRESSURE) and exceeds("others_cores", OTHERS),
        "GPU throttled": bool(throttles - {POWER_CAP}),
        "another process on the GPU": exceeds("gpu_others", 0),
    }
    return ", ".join(reason for reason, is_true in reasons.items() if is_true)


def describe_disturbances(blocks: pd.DataFrame) -> str:
    """Describe in one line what disturbed timings; empty where nothing did.

    Each row of blocks.csv is a process that timed a cell.
    """
    measured = blocks[blocks["status"] == "ok"]
    reasons = disturbance_reasons(measured)
    n = int((reasons != "").sum())
    seen = {reason for text in reasons for reason in text.split(", ") if reason}
    notes = []
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
        processes = plural(len(measured), "timed process", "timed processes")
        verb = "was" if n == 1 else "were"
        notes.append(f"{n} of {processes} {verb} disturbed ({', '.join(worst)})")
    spread = calibration_spread(measured)
    if spread > CALIBRATION:
        notes.append(f"the same fixed work took up to {spread:.0%} longer in some sets")
    return "; ".join(notes)


def calibration_spread(blocks: pd.DataFrame) -> float:
    """Return how much longer the fixed kernel took at worst than at its median; 0 without one.

    Sets are compared with sets of the same device and threads.
    """
    times = _calibration_s(blocks).groupby([blocks["device"], blocks["threads"]])
    relative = (times.max() / times.median() - 1).dropna()
    return float(relative.max()) if len(relative) else 0.0


def calibration_ratio(before: pd.DataFrame, after: pd.DataFrame) -> float | None:
    """Return the ratio of the fixed kernel's median times, `after` over `before`.

    Both are rows of blocks.csv with the same device and threads; None where it wasn't measured.
    """
    medians = [_calibration_s(blocks).median() for blocks in (before, after)]
    return None if any(np.isnan(medians)) else float(medians[1] / medians[0])


def _calibration_s(blocks: pd.DataFrame) -> pd.Series:
    return blocks[["calibration_before_s", "calibration_after_s"]].astype(float).mean(axis=1)
