"""How long each cell trains to a target accuracy, and whether it reliably ends there."""

from collections.abc import Mapping
from math import inf, isinf
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.accuracy_comparisons import by_seed
from bench.analysis.certificates import Certificate, certificates
from bench.analysis.time_comparisons import baseline_and_others, pair_sides
from bench.stats.estimates import (
    Estimate,
    Floats,
    bootstrap_median,
    paired_ratio,
    unpaired_ratio,
)

COLUMNS = (
    *("cell_id", "tried", "ended", "known", "reached"),
    *(f"time_to_target_s_{part}" for part in ("median", "low", "high")),
    *("time_ratio", "time_ratio_low", "time_ratio_high", "time_ratio_n"),
    *("steps_to_target_median", "step_s_median"),
    *("final_mean", "final_lower_bound", "certified"),
    *(f"train_s_{part}" for part in ("median", "low", "high")),
    *("train_ratio", "train_ratio_low", "train_ratio_high", "train_ratio_n"),
)


def time_to_accuracy(
    trials: pd.DataFrame, target: float, values: pd.Series | None = None
) -> pd.DataFrame:
    """Return one row per cell that was tried, in the order of the trials, the baseline first.

    `tried` counts seeds that began, `ended` those that ran to the end, `reached` those of the
    `known` that reached the target. A seed that began and did not run to the end is a miss, and a
    miss is an infinite time that takes part in the median. `time_ratio` is the median time over
    the baseline's, from two samples; `train_ratio` the median of the ratios paired by seed. A
    ratio's `n` is the smaller side's seeds, or the pairs. `step_s_median` is over the seeds that
    reached the target. `certified`: every seed ran to the end, and the lower bound of the mean
    final test accuracy is at the target or above; blank for fewer than three seeds. With `values`
    of each trial, the target is one of theirs instead of the accuracy's.
    """
    tried = trials[trials["status"] != "skipped"].drop_duplicates(["cell_id", "seed"])
    if tried.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    baseline_id = str(trials["cell_id"].iloc[0])
    baseline = tried[tried["cell_id"] == baseline_id]
    ended = tried[tried["status"] == "ok"]
    train_s = by_seed(ended, ended["train_s"])
    is_paired = baseline_id in train_s
    pairs = pair_sides(baseline_and_others(train_s, baseline_id)) if is_paired else {}
    certified = {each.cell_id: each for each in certificates(trials, target, values)}
    rows = [
        {
            "cell_id": str(cell_id),
            **_first_reached(cell),
            **_time_ratio(baseline if cell_id != baseline_id else baseline.iloc[:0], cell),
            **_train_ratio(pairs.get(str(cell_id), np.empty((0, 2)))),
            **_training_time(cell),
            "final_mean": certified[str(cell_id)].mean,
            "final_lower_bound": certified[str(cell_id)].low,
            "certified": _is_certified(certified[str(cell_id)]),
        }
        for cell_id, cell in tried.groupby("cell_id", sort=False)
    ]
    frame = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    integers = [*COLUMNS[1:5], "time_ratio_n", "train_ratio_n"]
    kinds = dict.fromkeys(integers, "Int64") | {"certified": "boolean"}
    floats = [name for name in COLUMNS if name not in {"cell_id", *kinds}]
    return frame.astype(kinds | dict.fromkeys(floats, "float64"))


def _with_misses(cell: pd.DataFrame, column: str) -> Floats:
    """Return the seconds or steps to the target of one cell's seeds, infinite for a miss.

    A trial that ended ok without such a number had no target: it is left out.
    """
    known = cell[column].astype(float)
    return np.asarray(known.where((cell["status"] == "ok") | known.notna(), inf).dropna())


def _first_reached(cell: pd.DataFrame) -> dict[str, Any]:
    times = _with_misses(cell, "time_to_target_s")
    row: dict[str, Any] = {
        "tried": len(cell),
        "ended": int((cell["status"] == "ok").sum()),
        "known": len(times),
        "reached": int(np.isfinite(times).sum()),
    }
    if not len(times):
        return row
    seconds, steps = (cell[c].astype(float) for c in ("time_to_target_s", "steps_to_target"))
    reached = np.isfinite(seconds) & (steps > 0)
    if steps.notna().any():  # older tables have no steps
        row["steps_to_target_median"] = float(np.median(_with_misses(cell, "steps_to_target")))
        row["step_s_median"] = (seconds / steps)[reached].median()
    return {**row, **bootstrap_median(times).columns("time_to_target_s", "_median")}


def _time_ratio(baseline: pd.DataFrame, cell: pd.DataFrame) -> Mapping[str, Any]:
    """Divide the median times to the target; no ratio where the baseline itself missed.

    Misses on both sides leave a ratio without an interval: resamples would divide two of them.
    """
    before, after = (_with_misses(side, "time_to_target_s") for side in (baseline, cell))
    if not len(before) or not len(after) or min(before.min(), after.min()) <= 0:
        return {}
    if isinf(median := float(np.median(before))):
        return {}
    if np.isinf(before).any() and np.isinf(after).any():
        value = float(np.median(after)) / median
        ratio = Estimate(value, None, None, min(len(before), len(after)))
    else:
        ratio = unpaired_ratio(before, after)
    return {**ratio.columns("time_ratio"), "time_ratio_n": ratio.n}


def _train_ratio(pairs: Floats) -> Mapping[str, Any]:
    known = pairs[(pairs > 0).all(axis=1)]
    if not len(known):
        return {}
    ratio = paired_ratio(np.log(known[:, 1] / known[:, 0]))
    return {**ratio.columns("train_ratio"), "train_ratio_n": ratio.n}


def _training_time(cell: pd.DataFrame) -> Mapping[str, Any]:
    seconds = cell.loc[cell["status"] == "ok", "train_s"].dropna().to_numpy(dtype=float)
    return bootstrap_median(seconds).columns("train_s", "_median") if len(seconds) else {}


def _is_certified(certificate: Certificate) -> bool | None:
    """Return whether it is certified; None if only seeds are missing."""
    is_known = certificate.low is not None or certificate.ended < certificate.seeds
    return certificate.verdict == "CERTIFIED" if is_known else None
