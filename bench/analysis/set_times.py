"""Times of timing sets relative to the baseline, compared round by round."""

import numpy as np
import pandas as pd

from bench.records import LOCKSTEP

PART = ["cell_id", "block", "role"]
ONE_STRETCH = "rounds in one stretch"  # the protocol before timing sets
LEAST_SHARE = 0.5  # of a set's rounds: with fewer undisturbed ones the set counts as disturbed


def timing_protocol(timings: pd.DataFrame, blocks: pd.DataFrame) -> str:
    """Return how the times of a folder were measured; an empty text where it has none."""
    if timings["seconds"].isna().all():
        return ""
    return LOCKSTEP if _is_lockstep(blocks).any() else ONE_STRETCH


def relative_times(timings: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """Return for every part of a set and phase the median over rounds of log(t / t baseline).

    A turn is compared with the baseline's turn in the same round, and left out where either was
    disturbed; where that leaves too few rounds, all count and `is_usable` is false. Columns:
    cell_id, block, role, phase, log_ratio, is_usable. Only sets with a baseline and its A/A
    control have rows.
    """
    rounds = _rounds(timings, blocks)
    controls = blocks.loc[blocks["role"] == "twin", ["cell_id", "block"]]
    baseline = rounds[rounds["role"] == "planned"].merge(controls, on=["cell_id", "block"])
    keys = ["block", "phase", "turn"]
    paired = rounds.merge(
        baseline[[*keys, "log_s", "is_disturbed"]], on=keys, suffixes=("", "_baseline")
    )
    every = paired["log_s"] - paired["log_s_baseline"]
    clean = every.mask(paired["is_disturbed"] | paired["is_disturbed_baseline"])
    found = paired[[*PART, "phase"]].assign(every=every, clean=clean)
    found = found.groupby([*PART, "phase"], sort=False).agg(
        every=("every", "median"), clean=("clean", "median"), share=("clean", _share_known)
    )
    is_usable = found["share"] >= LEAST_SHARE
    log_ratio = found["clean"].where(is_usable, found["every"])
    return pd.DataFrame({"log_ratio": log_ratio, "is_usable": is_usable}).reset_index()


def _share_known(values: pd.Series) -> float:
    return float(values.notna().mean())


def _rounds(timings: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """Return the rounds of timing sets: PART, phase, `turn` from 0, `log_s`, is_disturbed."""
    in_lockstep = blocks.loc[_is_lockstep(blocks), PART]
    is_warmup = timings["is_warmup"].astype("boolean").fillna(True).astype(bool)
    is_counted = (timings["seconds"].astype(float) > 0) & ~is_warmup
    columns = [*PART, "phase", "round", "seconds", "is_disturbed"]
    rounds = timings.loc[is_counted, columns].merge(in_lockstep, on=PART)
    number = rounds["round"].astype(float)
    first = number.groupby([rounds[name] for name in (*PART, "phase")]).transform("min")
    is_disturbed = rounds["is_disturbed"].astype("boolean").fillna(False).astype(bool)
    return rounds[[*PART, "phase"]].assign(
        turn=number - first,
        log_s=np.log(rounds["seconds"].to_numpy(dtype=float)),
        is_disturbed=is_disturbed,
    )


def _is_lockstep(blocks: pd.DataFrame) -> pd.Series:
    return (blocks["protocol"] == LOCKSTEP).fillna(False).astype(bool)
