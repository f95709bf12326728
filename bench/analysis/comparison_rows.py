"""A comparison as a row of comparisons.csv, and what its verdict is called."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isnan

import pandas as pd

from bench.records import PHASES, columns_of
from bench.stats.rank_tests import holm
from bench.stats.verdicts import Verdict

ACCURACY = "test_accuracy"
MEASURES = (*PHASES, ACCURACY)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One measure of one cell against the baseline cell: a row of comparisons.csv.

    `before` is the baseline's value and `after` the cell's, of what is compared: mean accuracy, or
    median seconds, for the phases of a step by image, for epoch and eval whole. `ratio` is after
    over before: above 1 a time is longer, an accuracy higher.
    `floor` and `mde` (minimum detectable effect) are fractions like ratio − 1; `session_mde` is
    the effect that the session's A/A alone says can be found, whatever the cells gave. `n` counts
    pairs: timing blocks or seeds. `further` is how many more would decide an inconclusive one,
    blank where none would; `left_out` counts pairs that a disturbance spoilt. `p_value` is the
    second opinion: exact Mann–Whitney, Holm-corrected over the cells.
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
    session_mde: float | None
    n: int
    verdict: Verdict
    further: int | None
    left_out: int
    p_value: float
    difference: float | None = None


def framed(study: str, baseline_id: str, compared: Sequence[Comparison]) -> pd.DataFrame:
    """Make comparisons.csv: the rows, before them the study and the cell they are held against."""
    rows = pd.DataFrame([asdict(c) for c in compared], columns=list(columns_of(Comparison)))
    numbers = dict.fromkeys(("low", "high", "mde", "session_mde", "difference"), "float64")
    wholes = dict.fromkeys(("n", "further", "left_out"), "Int64")
    rows = rows.astype(numbers | wholes)
    rows.insert(0, "study", study)
    rows.insert(2, "baseline_id", baseline_id)
    return rows


def corrected(compared: pd.DataFrame) -> pd.DataFrame:
    """Correct the p-values of each measure for the number of cells (Holm)."""
    adjusted = compared.groupby("measure")["p_value"].transform(lambda p: holm(p.to_numpy()))
    return compared.assign(p_value=adjusted.astype(float))


@dataclass(frozen=True)
class Noise:
    """What a session's A/A says of a step's time with `n` blocks; `detects` is None for too few."""

    floor: float
    detects: float | None
    n: int


def session_noise(comparisons: pd.DataFrame) -> Noise | None:
    """Read the session's noise off the comparison with the most blocks; None without any."""
    steps = comparisons[comparisons["measure"] == "step"].sort_values("n", kind="stable")
    if steps.empty:
        return None
    floor, detects, n = steps[["floor", "session_mde", "n"]].astype(float).to_numpy()[-1]
    return Noise(float(floor), None if isnan(detects) else float(detects), int(n))
