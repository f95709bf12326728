"""Comparisons of times, paired by timing set, with the session's noise and verdicts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isnan

import numpy as np
import pandas as pd

from bench.analysis.comparison_table import Comparison
from bench.analysis.set_times import log_ratios_of
from bench.stats.estimates import (
    MIN_FOR_INTERVAL,
    Estimate,
    Floats,
    paired_ratio,
)
from bench.stats.rank_tests import signed_rank
from bench.stats.stopping import confidence_after
from bench.stats.verdicts import (
    further_sets,
    minimum_detectable_effect,
    noise_floor,
    verdict,
)

Sides = tuple[pd.DataFrame, pd.DataFrame]  # before and after: a row per key, a column per cell


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
    ratio = paired_ratio(log_ratios, confidence_after(looks))
    if not len(clean):
        ratio = Estimate(ratio.value, None, None, 0)
    floor, session_mde = noise.floor_and_mde(max(1, ratio.n))
    missing, further = noise.missing_sets, further_sets(ratio, floor)
    return Comparison.of_times(
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
