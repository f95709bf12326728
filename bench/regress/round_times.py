"""Which rounds of a benchmark count, and the one time that they give."""

from collections.abc import Mapping

import numpy as np

from bench.regress.benchmark_samples import Role, Rounds, Statistic

MIN_WARM = 1 / 3  # of the rounds: if fewer found warm caches, the others count too


def comparable_rounds(rounds: Mapping[Role, Rounds]) -> dict[Role, Rounds]:
    """Return the rounds that count, chosen alike for every role.

    They ran before the first role had finished. Those that open a time slice found caches that
    another process had swept, and are left out unless most slices were single rounds.
    """
    last = min((int(r.slice_index[-1]) for r in rounds.values()), default=0)
    common = {role: r.where(r.slice_index <= last) for role, r in rounds.items()}
    if all(np.mean(~r.opens_slice) >= MIN_WARM for r in common.values()):
        return {role: r.where(~r.opens_slice) for role, r in common.items()}
    return common


def summarise(rounds: Rounds, statistic: Statistic) -> float:
    """Return the fastest or the median round in seconds."""
    return float(rounds.time_s.min() if statistic == "min" else np.median(rounds.time_s))
