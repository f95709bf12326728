"""The table comparisons.csv: one measure of one cell compared with the baseline."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.records import PHASES, columns_of
from bench.stats.estimates import Estimate, Floats
from bench.stats.rank_tests import holm
from bench.stats.verdicts import Verdict

ACCURACY = "test_accuracy"
MEASURES = (*PHASES, ACCURACY)  # and the metrics of a study
FLOATS = (
    *("low", "high", "mde", "session_mde", "difference", "difference_low", "difference_high"),
    *("individual_low", "individual_high"),
)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One measure of one cell compared with the baseline cell: a row of comparisons.csv.

    `before` is the baseline's value and `after` the cell's: mean accuracy or metric, or median
    seconds (per image for the phases of a step, per pass for epoch and eval). `ratio` is after over
    before: above 1 a time is longer, an accuracy higher; blank for a negative metric. `floor` and
    `mde` (minimum detectable effect) are fractions like ratio − 1; `session_mde` follows from the
    session's A/A control alone. `n` counts timing sets or seeds. `further` is how many more would
    decide an inconclusive comparison, blank where none would; `left_out` counts disturbed sets.
    `p_value` is a second opinion, Holm-corrected over the cells: Wilcoxon's signed-rank test of
    times, Mann and Whitney's test of accuracies. Accuracies and metrics have a `difference`, in
    their own unit, after − before; `method` is that of its interval, `difference_low` to
    `difference_high`, which holds for all cells at once; `individual_low` and `individual_high`
    limit the difference of this cell alone.
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
    difference_low: float | None = None
    difference_high: float | None = None
    individual_low: float | None = None
    individual_high: float | None = None
    method: str | None = None

    @classmethod
    def of_times(
        cls, names: tuple[str, str], before: Floats, after: Floats, ratio: Estimate, **more: Any
    ) -> "Comparison":
        """Compare samples of times of (cell_id, measure) by their medians."""
        return cls(
            cell_id=names[0],
            measure=names[1],
            before=float(np.median(before)),
            after=float(np.median(after)),
            ratio=ratio.value,
            low=ratio.low,
            high=ratio.high,
            n=ratio.n,
            **more,
        )


def comparison_frame(study: str, baseline_id: str, rows: Sequence[Comparison]) -> pd.DataFrame:
    """Return the table comparisons.csv, its p-values corrected per measure for the cells (Holm)."""
    frame = pd.DataFrame([asdict(row) for row in rows], columns=list(columns_of(Comparison)))
    floats = dict.fromkeys(FLOATS, "float64")
    integers = dict.fromkeys(("n", "further", "left_out"), "Int64")
    frame = frame.astype(floats | integers | {"method": "string"})
    frame.insert(0, "study", study)
    frame.insert(2, "baseline_id", baseline_id)
    adjusted = frame.groupby("measure")["p_value"].transform(lambda p: holm(p.to_numpy()))
    return frame.assign(p_value=adjusted.astype(float))
