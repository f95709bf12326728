"""Accuracies paired by seed: difference, interval and verdict."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from bench.analysis.comparison_rows import ACCURACY, Comparison
from bench.stats.estimates import CONFIDENCE, Estimate, Floats, mean_t
from bench.stats.rank_tests import mann_whitney
from bench.stats.verdicts import POWER, Verdict, further_blocks, verdict

MIN_SEEDS = 3  # of two, a lucky pair would look certain
ACCURACY_FLOOR = 0.001  # 10 of 10,000 test images: less is no difference worth a name


def trained(trials: pd.DataFrame) -> pd.DataFrame:
    """Keep the trials that trained and were evaluated; networks as they began are not compared."""
    untrained = (trials["epochs_done"] == 0).fillna(False).astype(bool)
    return trials[(trials["status"] == "ok") & trials[ACCURACY].notna() & ~untrained]


def compared_accuracies(cell_id: str, before: Floats, after: Floats) -> Comparison:
    """Compare accuracies paired by seed; `difference` is the mean of after − before.

    The interval is Student's t, cut off at 0; fewer than three seeds have none. Ratios are over
    the mean of `before`.
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
        session_mde=None,
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
