"""Comparisons of cells: times paired by timing set, accuracies paired by seed, with verdicts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isnan
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from bench.analysis.set_times import (
    aa_log_ratios,
    block_times,
    log_ratios_of,
    looks_of,
    times_by_block,
)
from bench.records import PHASES, columns_of
from bench.stats.estimates import (
    CONFIDENCE,
    MIN_FOR_INTERVAL,
    MIN_SEEDS,
    Estimate,
    Floats,
    mean_t,
    paired_ratio,
)
from bench.stats.rank_tests import holm, mann_whitney, signed_rank
from bench.stats.stopping import look_confidence
from bench.stats.verdicts import (
    POWER,
    Verdict,
    further_sets,
    minimum_detectable_effect,
    noise_floor,
    verdict,
)

ACCURACY = "test_accuracy"
MEASURES = (*PHASES, ACCURACY)
ACCURACY_FLOOR = 0.001  # 10 of 10,000 test images: smaller differences are not reported

Sides = tuple[pd.DataFrame, pd.DataFrame]  # before and after: a row per key, a column per cell


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One measure of one cell compared with the baseline cell: a row of comparisons.csv.

    `before` is the baseline's value and `after` the cell's: mean accuracy, or median seconds (per
    image for the phases of a step, per pass for epoch and eval). `ratio` is after over before:
    above 1 a time is longer, an accuracy higher. `floor` and `mde` (minimum detectable effect) are
    fractions like ratio − 1; `session_mde` follows from the session's A/A control alone. `n`
    counts pairs: timing sets or seeds. `further` is how many more would decide an inconclusive
    comparison, blank where none would; `left_out` counts disturbed pairs. `p_value` is a second
    opinion, Holm-corrected over the cells: Wilcoxon's signed-rank test of times, Mann and
    Whitney's test of accuracies.
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
    session_mde: float | None = None
    n: int
    verdict: Verdict
    further: int | None = None
    left_out: int = 0
    p_value: float
    difference: float | None = None

    @classmethod
    def of(
        cls, names: tuple[str, str], before: Floats, after: Floats, ratio: Estimate, **more: Any
    ) -> "Comparison":
        """Compare samples of (cell_id, measure): accuracies by their means, times by medians."""
        centre = np.mean if names[1] == ACCURACY else np.median
        return cls(
            cell_id=names[0],
            measure=names[1],
            before=float(centre(before)),
            after=float(centre(after)),
            ratio=ratio.value,
            low=ratio.low,
            high=ratio.high,
            n=ratio.n,
            **more,
        )


@dataclass(frozen=True)
class Noise:
    """A session's noise floor of a step's time with `n` sets; `detects` is None for too few."""

    floor: float
    detects: float | None
    n: int


class SessionNoise:
    """The noise that a session's A/A control shows in one measure, by the number of sets."""

    def __init__(self, aa_log_ratios: Floats) -> None:
        self._aa_log_ratios = aa_log_ratios
        self._known: dict[int, tuple[float, float | None]] = {}
        self.missing_sets = max(0, MIN_FOR_INTERVAL - len(aa_log_ratios))

    def floor_and_mde(self, n: int) -> tuple[float, float | None]:
        """Return the noise floor of n sets, and the minimum effect that they detect."""
        if n not in self._known:
            logs, floor = self._aa_log_ratios, noise_floor(self._aa_log_ratios, n)
            known = not self.missing_sets
            self._known[n] = floor, minimum_detectable_effect(logs, floor, n) if known else None
        return self._known[n]


def compare_with_baseline(
    trials: pd.DataFrame, timings: pd.DataFrame, blocks: pd.DataFrame
) -> pd.DataFrame:
    """Compare every cell with the baseline cell, the first one of the trials.

    One row per cell and measure, in the order of the cells: the phases' times, then test accuracy.
    Sets with the role `extra` in older results, added to narrow an interval, don't count.
    """
    if trials.empty:
        return comparison_frame("", "", [])
    study, baseline_id = (str(trials[name].iloc[0]) for name in ("study", "cell_id"))
    measured = block_times(timings, blocks)
    looks = looks_of(blocks)
    rows: list[Comparison] = []
    for measure in PHASES:
        every, clean = times_by_block(measured, measure)
        if baseline_id in every:
            rows += compare_times_by_block(
                measure,
                baseline_and_others(every, baseline_id),
                baseline_and_others(clean, baseline_id),
                SessionNoise(aa_log_ratios(measured, measure)),
                looks,
            )
    accuracies = by_seed(trained_trials(trials), ACCURACY)
    if baseline_id in accuracies:
        rows += compare_accuracies_by_seed(baseline_and_others(accuracies, baseline_id))
    order = {cell_id: i for i, cell_id in enumerate(trials["cell_id"].unique())}
    rows.sort(key=lambda c: (order.get(c.cell_id, len(order)), MEASURES.index(c.measure)))
    return comparison_frame(study, baseline_id, rows)


def comparison_frame(study: str, baseline_id: str, rows: Sequence[Comparison]) -> pd.DataFrame:
    """Return the table comparisons.csv, its p-values corrected per measure for the cells (Holm)."""
    frame = pd.DataFrame([asdict(row) for row in rows], columns=list(columns_of(Comparison)))
    floats = dict.fromkeys(("low", "high", "mde", "session_mde", "difference"), "float64")
    integers = dict.fromkeys(("n", "further", "left_out"), "Int64")
    frame = frame.astype(floats | integers)
    frame.insert(0, "study", study)
    frame.insert(2, "baseline_id", baseline_id)
    adjusted = frame.groupby("measure")["p_value"].transform(lambda p: holm(p.to_numpy()))
    return frame.assign(p_value=adjusted.astype(float))


def session_noise(comparisons: pd.DataFrame) -> Noise | None:
    """Return the session's noise as of the comparison with the most sets; None without any."""
    steps = comparisons[comparisons["measure"] == "step"].sort_values("n", kind="stable")
    if steps.empty:
        return None
    floor, detects, n = steps[["floor", "session_mde", "n"]].astype(float).to_numpy()[-1]
    return Noise(float(floor), None if isnan(detects) else float(detects), int(n))


def wide_cells(summary: pd.DataFrame, comparisons: pd.DataFrame, half_width: float) -> list[str]:
    """Return the cells whose ratio of step times has an interval wider than ± `half_width`.

    A fraction of the ratio. A cell without an interval counts as wide. Of a single cell, its step
    time counts instead of a ratio.
    """
    steps = comparisons[comparisons["measure"] == "step"]
    columns = ["low", "high", "ratio"]
    if len(summary) == 1:
        steps = summary[summary["step_n"] > 0]
        columns = ["step_low", "step_high", "step_median"]
    low, high, value = (steps[name].astype(float) for name in columns)
    width = ((high - low) / 2 / value).fillna(np.inf)
    return list(steps.loc[width > half_width, "cell_id"])


def trained_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that ended ok, were evaluated, and trained for more than 0 epochs."""
    untrained = (trials["epochs_done"] == 0).fillna(False).astype(bool)
    return trials[(trials["status"] == "ok") & trials[ACCURACY].notna() & ~untrained]


def by_seed(trials: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return one column of trials by seed (rows) and cell (columns)."""
    distinct = trials.drop_duplicates(["seed", "cell_id"])
    return distinct.pivot(index="seed", columns="cell_id", values=column).astype(float)


def baseline_and_others(wide: pd.DataFrame, baseline_id: str) -> Sides:
    """Return the baseline's column once for every other cell, and the other cells' columns."""
    others = wide.drop(columns=baseline_id)
    return wide[[baseline_id] * others.shape[1]].set_axis(others.columns, axis=1), others


def pair_sides(sides: Sides) -> dict[str, Floats]:
    """Return for every column the values (n, 2) of the keys that have one on both sides."""
    before, after = sides
    keys = before.index.intersection(after.index)
    left, right = (side.loc[keys].to_numpy(dtype=float) for side in (before, after[before.columns]))
    both = ~np.isnan(left) & ~np.isnan(right)
    return {
        str(name): np.column_stack([left[known, i], right[known, i]])
        for i, (name, known) in enumerate(zip(before.columns, both.T, strict=True))
    }


def compare_times_by_block(
    measure: str, every: Sides, clean: Sides, noise: SessionNoise, looks: Mapping[str, int]
) -> Iterator[Comparison]:
    """Compare times column by column, in all sets and in those that nothing disturbed.

    `looks` are the looks at the results after which a column's last sets were added.
    """
    undisturbed = pair_sides(clean)
    for name, pairs in pair_sides(every).items():
        if len(pairs):
            own = undisturbed[name]
            yield compare_times(name, measure, pairs, own, noise, looks.get(name, 0))


def compare_accuracies_by_seed(sides: Sides) -> Iterator[Comparison]:
    """Compare accuracies column by column."""
    for name, pairs in pair_sides(sides).items():
        if len(pairs):
            yield compare_accuracies(name, pairs[:, 0], pairs[:, 1])


def compare_times(
    cell_id: str,
    measure: str,
    pairs: Floats,
    clean: Floats,
    noise: SessionNoise,
    looks: int = 0,
) -> Comparison:
    """Compare times paired by set: (n, 2), the baseline's first; `clean` are the undisturbed.

    With `looks` at the results, of which this is the last, the interval is wider, so that all of
    them together keep 95%. Without clean pairs the ratio is of all pairs and inconclusive; it is
    inconclusive, too, where the session's noise is unknown.
    """
    used = clean if len(clean) else pairs
    log_ratios = log_ratios_of(used)
    ratio = paired_ratio(log_ratios, look_confidence(looks) if looks else CONFIDENCE)
    if not len(clean):
        ratio = Estimate(ratio.value, None, None, 0)
    floor, session_mde = noise.floor_and_mde(max(1, ratio.n))
    missing, further = noise.missing_sets, further_sets(ratio, floor)
    return Comparison.of(
        (cell_id, measure),
        used[:, 0],
        used[:, 1],
        ratio,
        p_value=signed_rank(log_ratios),
        floor=floor,
        mde=minimum_detectable_effect(log_ratios, floor) if len(clean) else None,
        session_mde=session_mde,
        verdict="INCONCLUSIVE" if missing else verdict(ratio, floor),
        further=max(further or 0, missing) if missing else further,
        left_out=len(pairs) - len(clean),
    )


def compare_accuracies(cell_id: str, before: Floats, after: Floats) -> Comparison:
    """Compare accuracies paired by seed; `difference` is the mean of after − before.

    The interval is Student's t, at least 0; fewer than three seeds have none. Ratios are relative
    to the mean of `before`.
    """
    difference = mean_t(after - before)
    if (n := difference.n) < MIN_SEEDS:
        difference = replace(difference, low=None, high=None)
    scale = float(np.mean(before)) or 1.0
    relative = difference.map(lambda x: 1 + x / scale)
    ratio = relative.map(lambda x: max(x, 0.0))
    floor = ACCURACY_FLOOR / scale
    # Verdicts are defined on times, where less is better.
    flipped: Mapping[Verdict, Verdict] = {"REGRESSED": "IMPROVED", "IMPROVED": "REGRESSED"}
    time_verdict = verdict(ratio, floor, margin=floor)
    return Comparison.of(
        (cell_id, ACCURACY),
        before,
        after,
        ratio,
        p_value=mann_whitney(before, after),
        floor=floor,
        mde=_mde_of_t_interval(relative, floor),
        verdict=flipped.get(time_verdict, time_verdict),
        further=further_sets(ratio, floor, floor) if n >= MIN_SEEDS else MIN_SEEDS - n,
        difference=difference.value,
    )


def _mde_of_t_interval(ratio: Estimate, floor: float) -> float | None:
    """Return floor + half width + t(0.8, n − 1) standard errors: detected in 4 cases of 5."""
    if ratio.low is None or ratio.high is None:
        return None
    half = (ratio.high - ratio.low) / 2
    error = half / float(stdtrit(ratio.n - 1, (1 + CONFIDENCE) / 2))
    return floor + half + float(stdtrit(ratio.n - 1, POWER)) * error
