"""How long a cell trains until it reaches a target accuracy, and whether it surely ends there."""

from collections.abc import Mapping
from math import inf, isinf
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from bench.analysis.accuracy_comparisons import MIN_SEEDS
from bench.stats.estimates import (
    CONFIDENCE,
    Estimate,
    Floats,
    bootstrap_median,
    paired_ratio,
    unpaired_ratio,
)

ROUNDING = 1e-9  # seeds that all end at 0.9896 reach 0.9896, whatever their mean rounds to

COLUMNS = (
    "cell_id",
    "tried",
    "ended",
    "known",
    "reached",
    *(f"time_to_target_s_{part}" for part in ("median", "low", "high")),
    *("time_ratio", "time_ratio_low", "time_ratio_high", "time_ratio_n"),
    *("steps_to_target_median", "step_s_median"),
    *("accuracy_mean", "accuracy_lower_bound", "certified"),
    *(f"train_s_{part}" for part in ("median", "low", "high")),
    *("train_ratio", "train_ratio_low", "train_ratio_high", "train_ratio_n"),
)


def lower_bound(accuracies: ArrayLike) -> float | None:
    """Give the mean's one-sided 95% lower bound; None for fewer than three seeds.

    mean − t(0.95, n − 1) · s / √n, cut off at 0. Source: Student (1908), Biometrika 6;
    NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
    """
    sample = np.asarray(accuracies, dtype=np.float64)
    n = len(sample)
    if n < MIN_SEEDS:
        return None
    error = float(np.std(sample, ddof=1) / np.sqrt(n))
    return max(0.0, float(np.mean(sample)) - float(stdtrit(n - 1, CONFIDENCE)) * error)


def time_to_accuracy(trials: pd.DataFrame, target: float) -> pd.DataFrame:
    """Make one row a cell that was tried, in the order of the trials; the first is the baseline.

    `tried` counts seeds that began, `ended` those that ran to the end, `reached` those of the
    `known` that reached the target. A seed that began and did not run to the end is a miss, and a
    miss is an infinite time that takes part in the median. `time_ratio` is the median time over
    the baseline's, from two samples; `train_ratio` the median of the ratios paired by seed. A
    ratio's `n` is the smaller side's seeds, or the pairs. `step_s_median` is over the seeds that
    reached the target. `certified`: every seed ran to the end, and the lower bound of the mean
    final test accuracy is at the target or above; blank for fewer than three seeds.
    """
    tried = trials[trials["status"] != "skipped"].drop_duplicates(["cell_id", "seed"])
    if tried.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    baseline_id = str(trials["cell_id"].iloc[0])
    baseline = tried[tried["cell_id"] == baseline_id]
    rows = [
        {
            "cell_id": str(cell_id),
            **_first_reached(cell),
            **_against(baseline if cell_id != baseline_id else baseline.iloc[:0], cell),
            **_certificate(cell, target),
        }
        for cell_id, cell in tried.groupby("cell_id", sort=False)
    ]
    made = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    wholes = ["tried", "ended", "known", "reached", "time_ratio_n", "train_ratio_n"]
    kinds = dict.fromkeys(wholes, "Int64") | {"certified": "boolean"}
    floats = [name for name in COLUMNS if name not in {"cell_id", *kinds}]
    return made.astype(kinds | dict.fromkeys(floats, "float64"))


def _with_misses(cell: pd.DataFrame, column: str) -> Floats:
    """Give the seconds or the steps to the target of one cell's seeds, infinite for a miss.

    Where a trial ended well and has no such number, nobody looked: it is left out.
    """
    known = cell[column].astype(float)
    return np.asarray(known.where((cell["status"] == "ok") | known.notna(), inf).dropna())


def _first_reached(cell: pd.DataFrame) -> dict[str, Any]:
    """Say when the target was first reached, and split that into steps and seconds a step."""
    times = _with_misses(cell, "time_to_target_s")
    told: dict[str, Any] = {
        "tried": len(cell),
        "ended": int((cell["status"] == "ok").sum()),
        "known": len(times),
        "reached": int(np.isfinite(times).sum()),
    }
    if not len(times):
        return told
    seconds, steps = (cell[c].astype(float) for c in ("time_to_target_s", "steps_to_target"))
    reached = np.isfinite(seconds) & (steps > 0)
    if steps.notna().any():  # older tables have no steps
        told["steps_to_target_median"] = float(np.median(_with_misses(cell, "steps_to_target")))
        told["step_s_median"] = (seconds / steps)[reached].median()
    return {**told, **_estimate("time_to_target_s", bootstrap_median(times), "_median")}


def _against(baseline: pd.DataFrame, cell: pd.DataFrame) -> dict[str, Any]:
    """Hold a cell's time to the target and its whole training time against the baseline's."""
    times = [_with_misses(side, "time_to_target_s") for side in (baseline, cell)]
    time = _ratio_of_medians(*times)
    pairs = pd.concat(
        [side.set_index("seed")["train_s"].astype(float) for side in _ended(baseline, cell)],
        axis=1,
        join="inner",
    ).to_numpy()
    pairs = pairs[(pairs > 0).all(axis=1)]
    train = paired_ratio(np.log(pairs[:, 1] / pairs[:, 0])) if len(pairs) else None
    return {**_estimate("time_ratio", time), **_estimate("train_ratio", train)}


def _ended(*sides: pd.DataFrame) -> list[pd.DataFrame]:
    return [side[side["status"] == "ok"] for side in sides]


def _ratio_of_medians(before: Floats, after: Floats) -> Estimate | None:
    """Divide the median times; nothing where the baseline itself missed.

    Misses on both sides leave a ratio without an interval: resamples would divide two of them.
    """
    if not len(before) or not len(after) or min(before.min(), after.min()) <= 0:
        return None
    medians = float(np.median(before)), float(np.median(after))
    if isinf(medians[0]):
        return None
    if np.isinf(before).any() and np.isinf(after).any():
        return Estimate(medians[1] / medians[0], None, None, min(len(before), len(after)))
    return unpaired_ratio(before, after)


def _certificate(cell: pd.DataFrame, target: float) -> dict[str, Any]:
    """Say where the final accuracy surely lies, and how long the whole training took."""
    (ended,) = _ended(cell)
    accuracies, seconds = (
        ended[column].dropna().to_numpy(dtype=float) for column in ("test_accuracy", "train_s")
    )
    told: dict[str, Any] = {}
    if len(seconds):
        told |= _estimate("train_s", bootstrap_median(seconds), "_median")
    bound = lower_bound(accuracies)
    if len(accuracies):
        told |= {"accuracy_mean": float(np.mean(accuracies)), "accuracy_lower_bound": bound}
    if len(accuracies) < len(cell):
        told["certified"] = False  # a seed that did not end might have ended anywhere
    elif bound is not None:
        told["certified"] = bound >= target - ROUNDING
    return told


def _estimate(name: str, known: Estimate | None, centre: str = "") -> Mapping[str, Any]:
    """Name an estimate's parts as columns."""
    if known is None:
        return {}
    parts = {f"{name}{centre}": known.value, f"{name}_low": known.low, f"{name}_high": known.high}
    return parts if centre else {**parts, f"{name}_n": known.n}
