"""Every cell against the study's baseline cell: time paired by block, accuracy paired by seed."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bench.analysis.accuracy_comparisons import compared_accuracies, trained
from bench.analysis.comparison_rows import ACCURACY, MEASURES, Comparison, corrected, framed
from bench.analysis.disturbances import disturbed
from bench.analysis.summary import BLOCK, block_measures
from bench.records import PHASES, STEP_PHASES
from bench.stats.estimates import MIN_FOR_INTERVAL, Estimate, Floats, paired_ratio
from bench.stats.rank_tests import mann_whitney
from bench.stats.verdicts import further_blocks, minimum_detectable_effect, noise_floor, verdict

PER_BATCH = [*STEP_PHASES, "step", "device"]  # told per image: batch sizes may differ


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
    measures = block_measures(timings, blocks)
    measures[PER_BATCH] = measures[PER_BATCH].div(measures["step_images"], axis=0)
    evidence = blocks[[*BLOCK]].assign(spoilt=(disturbed(blocks) != "").astype(bool))
    merged = measures.merge(evidence, on=[*BLOCK], how="left")
    return merged.assign(spoilt=merged["spoilt"].fillna(False).astype(bool))


def aa_log_ratios(measured: pd.DataFrame, measure: str) -> Floats:
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
        known = planned[planned[measure] > 0].drop_duplicates(["block", "cell_id"])
        if not (known["cell_id"] == baseline_id).any():
            continue
        every, clean = (
            rows.pivot(index="block", columns="cell_id", values=measure)
            for rows in (known, known[~known["spoilt"]])
        )
        noise = SessionNoise(aa_log_ratios(measured, measure))
        undisturbed = _pairs(clean.reindex_like(every), baseline_id)
        for cell_id, pairs in _pairs(every, baseline_id).items():
            if len(pairs):
                yield compared_times(cell_id, measure, pairs, undisturbed[cell_id], noise)


def _pairs(wide: pd.DataFrame, baseline_id: str) -> dict[str, Floats]:
    """Put each cell's column beside the baseline's, (n, 2), where both are known."""
    before = wide[baseline_id].to_numpy(dtype=float)
    afters = wide.drop(columns=baseline_id)
    both = ~np.isnan(afters.to_numpy(dtype=float)) & ~np.isnan(before)[:, None]
    return {
        str(cell_id): np.column_stack([before[known], after[known]])
        for cell_id, after, known in zip(
            afters, afters.to_numpy(dtype=float).T, both.T, strict=True
        )
    }


class SessionNoise:
    """What a session's A/A says of a measure, for as many blocks as are asked for."""

    def __init__(self, twins: Floats) -> None:
        self._twins = twins
        self._known: dict[int, tuple[float, float | None]] = {}
        self.missing_blocks = max(0, MIN_FOR_INTERVAL - len(twins))

    def of(self, n: int) -> tuple[float, float | None]:
        """Give the noise floor of n blocks, and the least effect that they find."""
        if n not in self._known:
            floor = noise_floor(self._twins, n)
            known = self.missing_blocks == 0
            detects = minimum_detectable_effect(self._twins, floor, n) if known else None
            self._known[n] = floor, detects
        return self._known[n]


def compared_times(
    cell_id: str, measure: str, pairs: Floats, kept: Floats, noise: SessionNoise
) -> Comparison:
    """Compare times paired by block: (n, 2), the baseline's first.

    Of `pairs` those in `kept` were not disturbed. Without any the ratio is told of all, and
    nothing is decided; nor is it where the session's noise was not measured.
    """
    used = kept if len(kept) else pairs
    logs = _logs(used[:, 0], used[:, 1])
    ratio = paired_ratio(logs)
    if not len(kept):
        ratio = Estimate(ratio.value, None, None, 0)
    (floor, session_mde), missing = noise.of(max(1, ratio.n)), noise.missing_blocks
    further = further_blocks(ratio, floor)
    return Comparison(
        cell_id=cell_id,
        measure=measure,
        before=float(np.median(used[:, 0])),
        after=float(np.median(used[:, 1])),
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
        floor=floor,
        mde=minimum_detectable_effect(logs, floor) if len(kept) else None,
        session_mde=session_mde,
        n=ratio.n,
        verdict="INCONCLUSIVE" if missing else verdict(ratio, floor),
        further=max(further or 0, missing) if missing else further,
        left_out=len(pairs) - len(kept),
        p_value=mann_whitney(used[:, 0], used[:, 1]),
    )


def _accuracies(trials: pd.DataFrame, baseline_id: str) -> Iterator[Comparison]:
    finished = trained(trials).drop_duplicates(["seed", "cell_id"])
    wide = finished.pivot(index="seed", columns="cell_id", values=ACCURACY).astype(float)
    if baseline_id not in wide:
        return
    for cell_id, pairs in _pairs(wide, baseline_id).items():
        if len(pairs):
            yield compared_accuracies(cell_id, pairs[:, 0], pairs[:, 1])


def _logs(before: Floats, after: Floats) -> Floats:
    logs: Floats = np.log(after / before)
    return logs
