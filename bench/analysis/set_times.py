"""Times of timing sets, made comparable: relative to the baseline, round by round."""

import numpy as np
import pandas as pd

from bench.analysis.disturbances import disturbance_reasons
from bench.analysis.summary import BLOCK, LEAST_SHARE, block_measures
from bench.records import LOCKSTEP, PHASES, STEP_PHASES
from bench.stats.estimates import Floats

PART = ["cell_id", "block", "role"]
PER_BATCH = [*STEP_PHASES, "step", "device"]  # divided by images, since batch sizes may differ
ONE_STRETCH = "rounds in one stretch"  # the protocol before timing sets


def timing_protocol(timings: pd.DataFrame, blocks: pd.DataFrame) -> str:
    """Return how the times of a folder were measured; an empty text where it has none."""
    if timings["seconds"].isna().all():
        return ""
    return LOCKSTEP if _is_lockstep(blocks).any() else ONE_STRETCH


def block_times(timings: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """Return the times of every timing set, comparable within one session.

    Where cells took turns, a cell's times are the baseline's median over all sets times the ratio
    to it in this set, so that what slows all cells of a set cancels. Phases of a step are in
    seconds per image, epoch and eval in seconds; `is_disturbed` says what must not be compared.
    """
    measures = raw_block_times(timings, blocks)
    relative = relative_times(timings, blocks)
    return _aligned(measures, relative) if len(relative) else measures


def raw_block_times(timings: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """Return every set's medians, and in the column `is_disturbed` whether it was disturbed.

    The phases of a step are in seconds per image, epoch and eval in seconds.
    """
    measures = block_measures(timings, blocks)
    measures[PER_BATCH] = measures[PER_BATCH].div(measures["step_images"], axis=0)
    is_disturbed = (disturbance_reasons(blocks) != "").astype("boolean")
    flags = blocks[[*BLOCK]].assign(is_disturbed=is_disturbed)
    merged = measures.merge(flags, on=[*BLOCK], how="left")
    return merged.assign(is_disturbed=merged["is_disturbed"].fillna(False).astype(bool))


def aa_log_ratios(measured: pd.DataFrame, measure: str) -> Floats:
    """Return log(A/A control / baseline) of a measure for every set with both undisturbed."""
    clean = measured[~measured["is_disturbed"] & (measured[measure] > 0)]
    by_role = clean.pivot_table(index=["cell_id", "block"], columns="role", values=measure)
    if not {"planned", "twin"} <= set(by_role.columns):
        return np.empty(0)
    return log_ratios_of(by_role[["planned", "twin"]].dropna().to_numpy(dtype=float))


def times_by_block(measured: pd.DataFrame, measure: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return one measure by set (rows) and cell (columns), of all sets and of undisturbed ones."""
    known = measured[(measured["role"] == "planned") & (measured[measure] > 0)]
    known = known.drop_duplicates(["block", "cell_id"])
    every, clean = (
        rows.pivot(index="block", columns="cell_id", values=measure)
        for rows in (known, known[~known["is_disturbed"]])
    )
    return every, clean.reindex_like(every)


def looks_of(blocks: pd.DataFrame) -> dict[str, int]:
    """Return by cell how many looks at the results its sets were added in, 0 for a fixed number."""
    looks = blocks["look"].astype(float).fillna(0).groupby(blocks["cell_id"]).max()
    return {str(cell_id): int(count) for cell_id, count in looks.items()}


def log_ratios_of(pairs: Floats) -> Floats:
    """Return log(second / first) of pairs of times: (n, 2) -> (n,)."""
    return np.asarray(np.log(pairs[:, 1] / pairs[:, 0]))


def _aligned(measures: pd.DataFrame, relative: pd.DataFrame) -> pd.DataFrame:
    """Replace the times of timing sets by the baseline's median times their ratio to it."""
    log_ratios = relative.pivot(index=PART, columns="phase", values="log_ratio")
    phases = [phase for phase in PHASES if phase in log_ratios]
    merged = measures[PART].merge(log_ratios.reset_index(), on=PART, how="left")
    controls = measures.loc[measures["role"] == "twin", ["cell_id", "block"]]
    baseline = measures[measures["role"] == "planned"].merge(controls, on=["cell_id", "block"])
    images = baseline["step_images"].median() / measures["step_images"]
    aligned = measures.copy()
    for phase in phases:
        median_s = baseline[phase].median()
        scale = images if phase in PER_BATCH else 1.0
        aligned[phase] = median_s * scale * np.exp(merged[phase].to_numpy(dtype=float))
    unusable = relative[(relative["phase"] == "step") & ~relative["is_usable"]]
    parts = pd.MultiIndex.from_frame(aligned[PART])
    is_unusable = parts.isin(pd.MultiIndex.from_frame(unusable[PART]))
    aligned["is_disturbed"] |= is_unusable
    return _same_numbers(aligned)


def _same_numbers(measures: pd.DataFrame) -> pd.DataFrame:
    """Return sets numbered from 0 for each cell where no set has all cells.

    Effects of axes pair cells by the number of the set.
    """
    cells = measures.groupby("block")["cell_id"].nunique()
    if cells.max() == measures["cell_id"].nunique():
        return measures
    number = measures.groupby(["cell_id", "role"])["block"].rank(method="dense") - 1
    return measures.assign(block=number.astype("Int64"))


def relative_times(timings: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """Return for every part of a set and phase the median over rounds of log(t / t baseline).

    A turn is compared with the baseline's turn in the same round, and left out where either was
    disturbed; where that leaves too few rounds, all count and `is_usable` is false. Columns:
    cell_id, block, role, phase, log_ratio, is_usable. Only sets with a baseline and its A/A
    control have rows.
    """
    rounds = rounds_of(timings, blocks)
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


def rounds_of(timings: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
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
