"""Certificates: whether a cell's mean accuracy, or another metric, surely reaches a target."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from bench.analysis.accuracy_comparisons import looks_at
from bench.analysis.comparison_table import ACCURACY
from bench.stats.estimates import mean_bounds
from bench.stats.stopping import confidence_after_seeds

ROUNDING = 1e-9  # of an accuracy: nearer to the target than this is at it
CertificateVerdict = Literal["CERTIFIED", "BELOW", "INCONCLUSIVE"]


@dataclass(frozen=True)
class Certificate:
    """A cell's mean test accuracy or metric after the last epoch, with its one-sided 95% bounds.

    CERTIFIED: the lower bound is at the target or above. BELOW: the upper bound is below it.
    `seeds` counts the trials that began, `ended` those that ran to the end; with fewer of these
    the mean is not certified, because the others might have ended anywhere. No mean without a
    trained network, no bounds for fewer than three seeds. With seeds that were added after looks
    at the accuracies, the bounds hold for all of these looks.
    """

    cell_id: str
    seeds: int
    ended: int
    mean: float | None
    low: float | None
    high: float | None
    verdict: CertificateVerdict


def certificates(
    trials: pd.DataFrame, target: float, values: pd.Series | None = None
) -> list[Certificate]:
    """Compare every cell's mean accuracy with a target (a fraction), each cell on its own.

    `values` are those of another metric for each trial, and the target's unit is theirs.
    """
    confidence = confidence_after_seeds(looks_at(trials))
    trials = trials.assign(value=trials[ACCURACY] if values is None else values)
    began = trials[trials["status"] != "skipped"].drop_duplicates(["cell_id", "seed"])
    cells = began.groupby("cell_id", sort=False)
    return [_certificate(str(cell_id), cell, target, confidence) for cell_id, cell in cells]


def _certificate(cell_id: str, cell: pd.DataFrame, target: float, confidence: float) -> Certificate:
    ended = cell.loc[cell["status"] == "ok", "value"].dropna().to_numpy(dtype=float)
    mean = float(ended.mean()) if len(ended) else None
    low, high = mean_bounds(ended, confidence) or (None, None)
    verdict: CertificateVerdict = "INCONCLUSIVE"
    if low is not None and high is not None and len(ended) == len(cell):
        if low >= target - ROUNDING:
            verdict = "CERTIFIED"
        elif high < target - ROUNDING:
            verdict = "BELOW"
    return Certificate(cell_id, len(cell), len(ended), mean, low, high, verdict)
