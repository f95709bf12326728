"""What the timing sets of a running session can detect, from their A/A controls alone."""

import numpy as np

from bench.analysis.summary import LEAST_SHARE
from bench.analysis.time_comparisons import Noise, SessionNoise
from bench.records import Outcome


class LiveNoise:
    """The noise of the step time, set by set."""

    def __init__(self) -> None:
        self._steps: dict[tuple[int, str, str], dict[int, float]] = {}
        self._log_ratios: list[float] = []

    def added(self, outcome: Outcome) -> Noise | None:
        """Return the noise once a set's baseline and its control are both there, else None."""
        row = outcome.block
        if row is None or outcome.status != "ok":
            return None
        self._steps[row.block, outcome.cell_id, row.role] = _log_steps(outcome)
        own = [self._steps.get((row.block, outcome.cell_id, role)) for role in ("planned", "twin")]
        if own[0] is None or own[1] is None:
            return None
        differences = [own[1][turn] - own[0][turn] for turn in own[0].keys() & own[1].keys()]
        turns = sum(row.phase == "step" and not row.is_warmup for row in outcome.timings)
        if not differences or len(differences) < LEAST_SHARE * turns:
            return None
        self._log_ratios.append(float(np.median(differences)))
        n = len(self._log_ratios)
        return Noise(*SessionNoise(np.array(self._log_ratios)).floor_and_mde(n), n)


def _log_steps(outcome: Outcome) -> dict[int, float]:
    """Return the logarithms of the step times of the undisturbed turns, counted from 0."""
    turns = [row for row in outcome.timings if row.phase == "step" and not row.is_warmup]
    return {
        i: float(np.log(row.seconds))
        for i, row in enumerate(turns)
        if row.seconds and not row.is_disturbed
    }
