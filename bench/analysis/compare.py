"""Every cell against the study's baseline cell: time paired by block, accuracy paired by seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from bench.analysis.comparison import (
    POWER,
    Verdict,
    further_blocks,
    holm,
    mann_whitney,
    minimum_detectable_effect,
    noise_floor,
    paired_ratio,
    verdict,
)
from bench.analysis.guards import disturbed
from bench.analysis.statistics import CONFIDENCE, Estimate, Floats, mean_t
from bench.analysis.summary import block_measures
from bench.records import PHASES, STEP_PHASES, columns_of

ACCURACY = "test_accuracy"
MIN_SEEDS = 3  # of two, a lucky pair would look certain
ACCURACY_FLOOR = 0.001  # 10 of 10,000 test images: less is no difference worth a name
MEASURES = (*PHASES, ACCURACY)
PER_BATCH = [*STEP_PHASES, "step", "device"]  # told per image: batch sizes may differ


# How a verdict reads where nothing was changed for the worse: cells of one study differ by intent.
TIME_WORDS: Mapping[str, str] = {
    "REGRESSED": "slower",
    "IMPROVED": "faster",
    "EQUIVALENT": "same",
    "INCONCLUSIVE": "can't tell",
}
ACCURACY_WORDS: Mapping[str, str] = {**TIME_WORDS, "REGRESSED": "worse", "IMPROVED": "better"}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One measure of one cell against the baseline cell: a row of comparisons.csv.

    `before` is the baseline's value and `after` the cell's, of what is compared: mean accuracy, or
    median seconds, for the phases of a step by image, for epoch and eval whole. `ratio` is after
    over before: above 1 a time is longer, an accuracy higher.
    `floor` and `mde` (minimum detectable effect) are fractions like ratio − 1. `n` counts pairs:
    timing blocks or seeds. `further` is how many more would decide an inconclusive one, blank
    where none would; `left_out` counts pairs that a disturbance spoilt. `p_value` is the second
    opinion: exact Mann–Whitney, Holm-corrected over the cells.
    """

    cell_id: str
    measure: str
    before: float
    after: float
    ratio: float
    low: float | None
    high: float | None
    floor: float
    mde: float | None
    n: int
    verdict: Verdict
    further: int | None
    left_out: int
    p_value: float
    difference: float | None = None


def against_baseline(
    trials: pd.DataFrame, timings: pd.DataFrame, blocks: pd.DataFrame
) -> pd.DataFrame:
    """Compare every cell with the baseline cell, the first one of the trials.

    One row a cell and measure, in the order of the cells: the phases' times, then test accuracy.
    Only what was planned before the first run counts; what `--until-ci` added does not.
    """
    if trials.empty:
        return framed("", "", [])
    baseline_id = str(trials["cell_id"].iloc[0])
    study = str(trials["study"].iloc[0])
    compared = [
        *_times(clean_blocks(timings, blocks), baseline_id),
        *_accuracies(trials, baseline_id),
    ]
    order = {cell_id: i for i, cell_id in enumerate(trials["cell_id"].unique())}
    compared.sort(key=lambda c: (order.get(c.cell_id, len(order)), MEASURES.index(c.measure)))
    return corrected(framed(study, baseline_id, compared))


def clean_blocks(timings: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """Give every block's medians with a column `spoilt`: whether a disturbance was seen.

    The phases of a step are in seconds an image, epoch and eval in seconds.
    """
    measures = block_measures(timings)
    sizes = timings.drop_duplicates("cell_id").set_index("cell_id")["batch_size"].astype(float)
    batch = measures["cell_id"].map(sizes).astype(float)
    measures[PER_BATCH] = measures[PER_BATCH].div(batch, axis=0)
    keys = ["cell_id", "block", "role"]
    evidence = blocks[keys].assign(spoilt=(disturbed(blocks) != "").astype(bool))
    merged = measures.merge(evidence, on=keys, how="left")
    return merged.assign(spoilt=merged["spoilt"].fillna(False).astype(bool))


def twin_logs(measured: pd.DataFrame, measure: str) -> Floats:
    """Give log(twin / baseline) of a measure for every block that holds both undisturbed: A/A."""
    clean = measured[~measured["spoilt"] & (measured[measure] > 0)]
    by_role = clean.pivot_table(index=["cell_id", "block"], columns="role", values=measure)
    if not {"planned", "twin"} <= set(by_role.columns):
        return np.empty(0)
    pairs = by_role[["planned", "twin"]].dropna().to_numpy(dtype=float)
    return _logs(pairs[:, 0], pairs[:, 1])


def _times(measured: pd.DataFrame, baseline_id: str) -> Iterator[Comparison]:
    planned = measured[measured["role"] == "planned"]
    for measure in PHASES:
        known = planned[planned[measure] > 0]
        wide = known.pivot(index="block", columns="cell_id", values=measure)
        spoilt = known.pivot(index="block", columns="cell_id", values="spoilt") == True  # noqa: E712
        if baseline_id not in wide:
            continue
        twins = twin_logs(measured, measure)
        for cell_id in wide.columns.drop(baseline_id):
            pairs = wide[[baseline_id, cell_id]].dropna()
            clean = ~spoilt.loc[pairs.index, [baseline_id, cell_id]].any(axis=1)
            kept = pairs[clean].to_numpy(dtype=float)
            if len(kept):
                left_out = len(pairs) - len(kept)
                yield _compared_times(str(cell_id), measure, kept, twins, left_out)


def _compared_times(
    cell_id: str, measure: str, pairs: Floats, twins: Floats, left_out: int
) -> Comparison:
    """Compare times paired by block: (n, 2), the baseline's first."""
    logs = _logs(pairs[:, 0], pairs[:, 1])
    ratio = paired_ratio(logs)
    floor = noise_floor(twins, ratio.n)
    return Comparison(
        cell_id=cell_id,
        measure=measure,
        before=float(np.median(pairs[:, 0])),
        after=float(np.median(pairs[:, 1])),
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
        floor=floor,
        mde=minimum_detectable_effect(logs, floor),
        n=ratio.n,
        verdict=verdict(ratio, floor),
        further=further_blocks(ratio, floor),
        left_out=left_out,
        p_value=mann_whitney(pairs[:, 0], pairs[:, 1]),
    )


def _accuracies(trials: pd.DataFrame, baseline_id: str) -> Iterator[Comparison]:
    finished = trained(trials)
    wide = finished.pivot(index="seed", columns="cell_id", values=ACCURACY).astype(float)
    if baseline_id not in wide:
        return
    for cell_id in wide.columns.drop(baseline_id):
        pairs = wide[[baseline_id, cell_id]].dropna().to_numpy()
        if len(pairs):
            yield compared_accuracies(str(cell_id), pairs[:, 0], pairs[:, 1])


def trained(trials: pd.DataFrame) -> pd.DataFrame:
    """Keep the trials that trained and were evaluated; networks as they began are not compared."""
    untrained = (trials["epochs_done"] == 0).fillna(False).astype(bool)
    return trials[(trials["status"] == "ok") & trials[ACCURACY].notna() & ~untrained]


def compared_accuracies(cell_id: str, before: Floats, after: Floats) -> Comparison:
    """Compare accuracies paired by seed; `difference` is the mean of after − before.

    The interval is Student's t; no accuracy is below 0. Ratios are over the mean of `before`.
    """
    difference = mean_t(after - before)
    if difference.n < MIN_SEEDS:
        difference = Estimate(difference.value, None, None, difference.n)
    scale = float(np.mean(before)) or 1.0
    whole = _scaled(difference, scale)
    ratio = _above_0(whole)
    floor = ACCURACY_FLOOR / scale
    n = difference.n
    return Comparison(
        cell_id=cell_id,
        measure=ACCURACY,
        before=float(np.mean(before)),
        after=float(np.mean(after)),
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
        floor=floor,
        mde=detectable_by_t(whole, floor),
        n=n,
        verdict=better_when_higher(verdict(ratio, floor)),
        further=further_blocks(ratio, floor) if n >= MIN_SEEDS else MIN_SEEDS - n,
        left_out=0,
        p_value=mann_whitney(before, after),
        difference=difference.value,
    )


def better_when_higher(judged: Verdict) -> Verdict:
    """Turn a verdict on a time into one on an accuracy, where more is better."""
    turned: Mapping[Verdict, Verdict] = {"REGRESSED": "IMPROVED", "IMPROVED": "REGRESSED"}
    return turned.get(judged, judged)


def detectable_by_t(ratio: Estimate, floor: float) -> float | None:
    """Find the least true change that an interval of this width shows beyond the floor.

    In four cases of five: floor + half width + t(0.8, n − 1) standard errors.
    """
    if ratio.low is None or ratio.high is None:
        return None
    half = (ratio.high - ratio.low) / 2
    error = half / float(stdtrit(ratio.n - 1, (1 + CONFIDENCE) / 2))
    return floor + half + float(stdtrit(ratio.n - 1, POWER)) * error


def framed(study: str, baseline_id: str, compared: Sequence[Comparison]) -> pd.DataFrame:
    """Make comparisons.csv: the rows, before them the study and the cell they are held against."""
    rows = pd.DataFrame([asdict(c) for c in compared], columns=list(columns_of(Comparison)))
    numbers = dict.fromkeys(("low", "high", "mde", "difference"), "float64")
    wholes = dict.fromkeys(("n", "further", "left_out"), "Int64")
    rows = rows.astype(numbers | wholes)
    rows.insert(0, "study", study)
    rows.insert(2, "baseline_id", baseline_id)
    return rows


def corrected(compared: pd.DataFrame) -> pd.DataFrame:
    """Correct the p-values of each measure for the number of cells (Holm)."""
    adjusted = compared.groupby("measure")["p_value"].transform(lambda p: holm(p.to_numpy()))
    return compared.assign(p_value=adjusted.astype(float))


def _logs(before: Floats, after: Floats) -> Floats:
    logs: Floats = np.log(after / before)
    return logs


def _scaled(difference: Estimate, scale: float) -> Estimate:
    """Turn a difference into a ratio over `scale`."""

    def scaled(x: float | None) -> float | None:
        return None if x is None else 1 + x / scale

    return Estimate(
        1 + difference.value / scale, scaled(difference.low), scaled(difference.high), difference.n
    )


def _above_0(ratio: Estimate) -> Estimate:
    """Cut off what Student's t puts below 0."""
    low, high = (None if x is None else max(x, 0.0) for x in (ratio.low, ratio.high))
    return Estimate(max(ratio.value, 0.0), low, high, ratio.n)
