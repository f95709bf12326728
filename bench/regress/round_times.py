"""Which rounds of a benchmark count, and how those of two processes are compared."""

from collections.abc import Mapping

import numpy as np

from bench.regress.benchmark_samples import Role, Rounds, Statistic
from bench.stats.estimates import Floats

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


def lockstep_logs(base: Rounds, other: Rounds) -> Floats:
    """Return log(other / base) of each of the other's slices, against base's nearest in time.

    The value of a slice is the median of its rounds.
    """
    starts_s, times_s = _slices(base)
    other_starts_s, other_times_s = _slices(other)
    nearest = np.abs(other_starts_s[:, None] - starts_s).argmin(axis=1)
    logs: Floats = np.log(other_times_s / times_s[nearest])
    return logs


def _slices(rounds: Rounds) -> tuple[Floats, Floats]:
    """Return the start and the median round of each slice in seconds."""
    first = np.flatnonzero(np.diff(rounds.slice_index, prepend=-1))
    medians = [np.median(times_s) for times_s in np.split(rounds.time_s, first[1:])]
    return rounds.start_s[first], np.array(medians)
