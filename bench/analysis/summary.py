"""summary.csv: every measure of every cell as an estimate, from the raw rows."""

import numpy as np
import pandas as pd

from bench.analysis.accuracy_comparisons import looks_at
from bench.analysis.configurations import (
    BLOCK_MEASURES,
    BOUNDS,
    COSTS,
    LIMITS,
    MEASURES,
    PARTS,
    SUMMARY_DTYPES,
    TRIAL_MEASURES,
    config_fields,
)
from bench.analysis.disturbances import disturbance_reasons
from bench.records import PHASES, STEP_PHASES
from bench.stats.estimates import (
    MIN_FOR_INTERVAL,
    mean_accuracy,
    mean_bounds,
    median_intervals,
    tukey_labels,
)
from bench.stats.stopping import confidence_after_seeds

BLOCK = ("cell_id", "block", "role")
OF_MACHINE = ("peak_flops_per_s", "peak_bytes_per_s", "two_images_s", "train_images")
PER_STEP = ("phases_over_step", "epoch_over_steps", "step_images")
COMPUTE = [phase for phase in STEP_PHASES if phase != "data"]
BOTTLENECK_RULE = (
    "the largest of four times: loading the batch; forward and backward of two images only (on a "
    "GPU the step's time beyond what the GPU alone needs); moving the bytes of the step's "
    "operations at the speed of a large copy; computing their FLOPs at the speed of a large "
    "matrix product"
)

LEAST_SHARE = 0.5  # of a set's rounds: with fewer undisturbed ones the set counts as disturbed


def summarise(
    trials: pd.DataFrame, timings: pd.DataFrame, blocks: pd.DataFrame, costs: pd.DataFrame
) -> pd.DataFrame:
    """Return summary.csv: one row per cell, in the order in which the cells first appear.

    A set's value is the median of its rounds, a cell's the median of its sets; n is the number of
    sets (timings) or of seeds that ran to the end (trials), 0 where nothing was measured. A
    cell's numbers depend on its own rows only. The A/A control is left out. Disturbed sets are
    kept (medians are robust to them) and counted.
    """
    cells = _cells(trials, timings)
    index = pd.Index(cells["cell_id"])
    finished = trials[trials["status"] == "ok"]
    counted = costs[costs["status"] == "ok"].groupby("cell_id", sort=False)[list(COSTS)].first()
    timed = blocks[(blocks["status"] == "ok") & (blocks["role"] != "twin")]
    measures = block_measures(timings, blocks)
    measures = _with_ratios(measures[measures["role"] != "twin"], timed, counted)
    values = pd.concat([_long(measures, BLOCK_MEASURES), _long(finished, TRIAL_MEASURES)])
    machine = timed[list(OF_MACHINE)].astype("Float64").astype(float)
    is_disturbed = disturbance_reasons(timed) != ""
    parts = [
        cells.set_index(index),
        _medians(values),
        _accuracy(finished),
        finished.groupby("cell_id", sort=False)[["parameters"]].first(),
        counted,
        machine.groupby(timed["cell_id"]).median(),
        is_disturbed.groupby(timed["cell_id"]).sum().to_frame("disturbed_blocks"),
        _outlying(measures),
        measures.groupby("cell_id")[list(PER_STEP)].median(),
        _status(trials),
    ]
    known = pd.concat([part.reindex(index) for part in parts], axis=1)
    return _finished(known, [str(name) for name in cells.columns])


def block_measures(timings: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """Return each timing set's medians of the rounds after warm-up.

    Disturbed rounds are left out, but not where they are most: the few others would be the
    fastest by chance, of one cell more than of another.

    Columns: cell_id, block, role, every phase in seconds, step_images, and step_images_per_s
    (over data and step together). A phase that was not timed is blank, a failed set has no row.
    """
    counted = timings["seconds"].notna() & ~timings["is_warmup"].astype("boolean").fillna(True)
    rounds = timings[counted]
    is_clean = ~rounds["is_disturbed"].astype("boolean").fillna(False)
    share = is_clean.astype(float).groupby([rounds[name] for name in (*BLOCK, "phase")])
    is_enough = share.transform("mean") >= LEAST_SHARE
    rounds = rounds.loc[is_clean | ~is_enough, [*BLOCK, "phase", "batch_size", "seconds"]]
    by_phase = rounds.groupby([*BLOCK, "phase"], sort=False)["seconds"].median()
    timed = by_phase.unstack("phase").reindex(columns=list(PHASES)).astype(float).reset_index()
    batch = rounds.drop_duplicates("cell_id").set_index("cell_id")["batch_size"].astype(float)
    timed["step_images"] = _step_images(timed, blocks, timed["cell_id"].map(batch).astype(float))
    return timed.assign(step_images_per_s=timed["step_images"] / (timed["data"] + timed["step"]))


def _step_images(timed: pd.DataFrame, blocks: pd.DataFrame, batch: pd.Series) -> pd.Series:
    """Return the images of a step of each timing set.

    Older tables don't store them; a step never has more images than the data set.
    """
    counted = blocks[[*BLOCK, "step_images", "train_images"]]
    joined = timed[[*BLOCK]].merge(counted, on=list(BLOCK), how="left")
    stored, images = (
        joined[name].astype("Float64").astype(float) for name in ("step_images", "train_images")
    )
    return stored.fillna(batch.where(~(images < batch), images))


def _with_ratios(measures: pd.DataFrame, timed: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """Add efficiency (the step's fraction of the set's own peak) and two checks.

    phases_over_step and epoch_over_steps are near 1 where the times add up; on a CPU the former
    follows from how a step is timed, and was measured by the earlier protocol only.
    """
    own = timed[[*BLOCK, "peak_flops_per_s", "train_images"]]
    joined = measures.merge(own, on=list(BLOCK), how="left")
    steps = joined["train_images"].astype("Float64").astype(float) / joined["step_images"]
    flops = joined["cell_id"].map(costs["flops_per_image"].astype(float)).astype(float)
    achieved = flops * joined["step_images"] / joined["step"]
    return joined.assign(
        efficiency=achieved / joined["peak_flops_per_s"],
        phases_over_step=joined[COMPUTE].sum(axis=1, min_count=len(COMPUTE)) / joined["step"],
        epoch_over_steps=joined["epoch"] / (steps * (joined["step"] + joined["data"])),
    )


def _outlying(measures: pd.DataFrame) -> pd.DataFrame:
    """Count each cell's sets whose step time lies outside Tukey's fences; all are kept."""
    timed = measures.dropna(subset=["step"])
    counts = {
        cell_id: sum(label != "" for label in tukey_labels(steps.to_numpy()))
        for cell_id, steps in timed.groupby("cell_id")["step"]
    }
    return pd.DataFrame({"outlying_blocks": pd.Series(counts, dtype=float)})


def _cells(trials: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    fields = ["study", "cell_id", *config_fields(trials)]
    timed_only = timings[~timings["cell_id"].isin(trials["cell_id"])]
    firsts = [table.drop_duplicates("cell_id")[fields] for table in (trials, timed_only)]
    return pd.concat([first for first in firsts if len(first)] or firsts[:1], ignore_index=True)


def _long(table: pd.DataFrame, measures: tuple[str, ...]) -> pd.DataFrame:
    """Melt columns of measures into rows of (cell_id, measure, value), without blanks."""
    numbers = table[list(measures)].astype("Float64").astype(float)
    wide = numbers.assign(cell_id=table["cell_id"].astype(object))
    return wide.melt("cell_id", var_name="measure").dropna(subset=["value"])


def _medians(values: pd.DataFrame) -> pd.DataFrame:
    """Estimate the median of each (cell_id, measure): a row per cell, columns `<m>_<part>`."""
    estimates = pd.DataFrame(
        [
            (cell_id, measure, group.to_numpy())
            for (cell_id, measure), group in values.groupby(["cell_id", "measure"])["value"]
        ],
        columns=["cell_id", "measure", "sample"],
    )
    estimates["n"] = estimates["sample"].map(len)
    estimates["median"] = estimates["sample"].map(np.median)
    estimates[["low", "high"]] = np.nan
    enough = estimates[estimates["n"] >= MIN_FOR_INTERVAL]
    for _, same_n in enough.groupby("n"):
        limits = median_intervals(np.stack(same_n["sample"].to_list()))
        estimates.loc[same_n.index, ["low", "high"]] = np.column_stack(limits)
    wide = estimates.pivot(index="cell_id", columns="measure", values=list(PARTS))
    wide.columns = wide.columns.map(lambda pair: f"{pair[1]}_{pair[0]}")
    return wide


def _accuracy(finished: pd.DataFrame) -> pd.DataFrame:
    rows = {}
    confidence = confidence_after_seeds(looks_at(finished))
    for cell_id, group in finished.groupby("cell_id", sort=False):
        row: dict[str, float | None] = {"seeds": len(group)}
        values = group["test_accuracy"].dropna().to_numpy(dtype=float)
        if len(values):
            row |= mean_accuracy(values).columns("accuracy", "_mean")
            bounds = mean_bounds(values, confidence)
            row["accuracy_lower_bound"] = None if bounds is None else bounds[0]
        rows[cell_id] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def _status(trials: pd.DataFrame) -> pd.DataFrame:
    """Return how each cell ended: ok, or the commonest other status with its commonest reason."""
    rows: dict[str, dict[str, object]] = {
        cell_id: {"status": "ok", "reason": None} for cell_id in trials["cell_id"].unique()
    }
    notable = trials[(trials["status"] != "ok") | trials["reason"].notna()]
    for cell_id, group in notable.groupby("cell_id", sort=False):
        status = _commonest(group.loc[group["status"] != "ok", "status"]) or "ok"
        reason = _commonest(group.loc[group["status"] == status, "reason"])
        rows[str(cell_id)] = {"status": status, "reason": reason}
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=["status", "reason"])


def _commonest(values: pd.Series) -> object:
    """Return the most frequent value, the first among equals; None where all are blank."""
    counts = values.dropna().value_counts(sort=False)
    return None if counts.empty else counts.idxmax()


def step_bounds(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the seconds of a step that each limit alone would take, and which is the largest.

    Loading is measured. Launching is the time of two images on a CPU, which hardly compute; on a
    GPU it is the step's time beyond what the GPU alone needs. Bytes and FLOPs are divided by the
    machine's own peaks: the roofline of Williams, Waterman & Patterson (2009), CACM 52(4). No
    bottleneck where a step was not timed or not counted. Columns: `<limit>_bound_s`, bottleneck.
    """
    on_gpu = (cells["step_median"] - cells["device_median"]).clip(lower=0)
    seconds = pd.DataFrame(
        {
            "data": cells["data_median"],
            "launch": on_gpu.fillna(cells["two_images_s"]),
            "memory": cells["step_bytes"] / cells["peak_bytes_per_s"],
            "compute": cells["step_flops"] / cells["peak_flops_per_s"],
        },
        columns=list(LIMITS),
    ).astype(float)
    measured = ["data", "memory", "compute"]  # a compiled network has no launch time
    is_known = cells["step_median"].notna() & seconds[measured].notna().all(axis=1)
    largest = np.asarray(LIMITS)[seconds.fillna(0).to_numpy().argmax(axis=1)]
    bottleneck = pd.Series(largest, index=cells.index).where(is_known)
    return seconds.add_suffix("_bound_s").assign(bottleneck=bottleneck)


def _finished(known: pd.DataFrame, identity: list[str]) -> pd.DataFrame:
    known = known.reindex(columns=list(dict.fromkeys([*known.columns, *SUMMARY_DTYPES])))
    counts = ["seeds", *(f"{measure}_n" for measure in MEASURES)]
    known[counts] = known[counts].fillna(0)
    texts = ["status", "reason", "bottleneck"]
    known = known.astype({k: v for k, v in SUMMARY_DTYPES.items() if k not in texts})
    images = known["step_images"].astype("Float64").astype(float)
    known["achieved_flops_per_s"] = known["flops_per_image"] * images / known["step_median"]
    known["efficiency"] = known["efficiency_median"]
    known[[*BOUNDS, "bottleneck"]] = step_bounds(known)
    known[texts] = known[texts].astype("string")
    return known[[*identity, *SUMMARY_DTYPES]].reset_index(drop=True)
