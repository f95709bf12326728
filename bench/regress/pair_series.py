"""Pairs of a measurement, as many as it takes."""

import time
from collections.abc import Collection, Mapping
from typing import Protocol

from bench.regress.benchmark_samples import Lost, Observation, Suite, Watcher
from bench.regress.benchmark_verdicts import Judged, clean_pairs, judge, pairs_needed, unmeasured
from bench.stats.estimates import MIN_FOR_INTERVAL

SPARE = 0.5  # of the pairs planned, as many more may replace disturbed ones


class PairWatcher(Watcher, Protocol):
    """Who is told how a series goes on."""

    def paired(self, pair: int, of: int, benchmarks: int, left_s: float) -> None:
        """Show that a pair is done, how many are planned, and the time that they will take."""


class Series:
    """A measurement pair by pair: each benchmark takes part until it has those that it needs.

    How many that are is planned anew after each pair, for a change of `detect`; within `budget_s`
    seconds, but for the first six. `differences` say why its sides can't be compared, `remarks`
    what else to know.
    """

    def __init__(self, suite: Suite, watcher: PairWatcher, detect: float, budget_s: float) -> None:
        self._suite = suite
        self._watcher = watcher
        self._detect = detect
        self._budget_s = budget_s
        self._started_s = time.monotonic()
        self._first = 1  # the number of the first pair
        self._pairs = 0
        self._names: set[str] | None = None  # all that there are
        self._targets: Mapping[str, int] = {}
        self.lost: list[Lost] = []
        self.observations: list[Observation] = []
        self.differences: list[str] = []
        self.remarks: list[str] = []

    def measure(self, pairs: int | None = None, *, compare_at_all_costs: bool = False) -> None:
        """Measure all benchmarks: `pairs` of them, or as many as are needed.

        Ends after the first pair where its sides can't be compared, unless at all costs.
        """
        self._pair(None)
        while (compare_at_all_costs or not self.differences) and (names := self._wanted(pairs)):
            self._pair(names)

    def again(self, names: Collection[str]) -> "Series":
        """Measure some benchmarks afresh, half as many pairs: that they are worse, not how much."""
        rerun = Series(self._suite, self._watcher, self._detect, self._budget_s)
        rerun._first = self._first + self._pairs
        rerun._names = set(names)
        pairs = max(MIN_FOR_INTERVAL, -(-max(map(self._target, names)) // 2))
        while wanted := rerun._wanted(pairs):
            rerun._pair(wanted)
        return rerun

    def judged(self) -> list[Judged]:
        """Give a verdict on all that was measured, and say what was not."""
        rows = judge(self.observations)
        failed = list(unmeasured(self.lost, {row.benchmark for row in rows}))
        gone = {row.benchmark for row in failed}
        return [*(row for row in rows if row.benchmark not in gone), *failed]

    def _pair(self, names: Collection[str] | None) -> None:
        pair = self._suite.measure(self._first + self._pairs, names, self._watcher)
        self._pairs += 1
        self.observations += pair.observations
        self.lost += pair.lost
        self.differences = list(dict.fromkeys([*self.differences, *pair.differences]))
        measured = self._measured()
        left = max(0, max(map(self._target, measured), default=0) - self._pairs)
        pace_s = (time.monotonic() - self._started_s) / self._pairs
        benchmarks = len(measured if names is None else measured & set(names))
        self._watcher.paired(self._pairs, self._pairs + left, benchmarks, pace_s * left)

    def _measured(self) -> set[str]:
        """Name the benchmarks that still give values."""
        found = self._names or {o.benchmark for o in self.observations}
        return found - {one.benchmark for one in self.lost}

    def _wanted(self, pairs: int | None) -> set[str]:
        """Name the benchmarks that lack pairs."""
        if pairs is not None:
            self._targets = dict.fromkeys(self._measured(), pairs)
        elif self._pairs >= MIN_FOR_INTERVAL:
            self._targets = pairs_needed(self.observations, self._detect)
        clean = clean_pairs(self.observations)
        lacking = {name for name in self._measured() if self._lacks(name, clean.get(name, 0))}
        is_spent = time.monotonic() - self._started_s > self._budget_s
        if lacking and is_spent and self._pairs >= MIN_FOR_INTERVAL:
            said = f"the budget ended it after {self._pairs} pairs, before all that was planned"
            self.remarks.append(said)
            return set()
        return lacking

    def _target(self, name: str) -> int:
        return self._targets.get(name, MIN_FOR_INTERVAL)

    def _lacks(self, name: str, clean: int) -> bool:
        target = self._target(name)
        if self._pairs < target:
            return True
        is_hopeless = 2 * clean <= self._pairs  # most were disturbed: so would the next be
        return clean < target and not is_hopeless and self._pairs < target * (1 + SPARE)
