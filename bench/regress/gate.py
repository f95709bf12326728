"""`bench gate` as a list of stages: check out, measure, judge, measure suspects again."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bench.analysis.statistics import MIN_FOR_INTERVAL
from bench.errors import BenchError
from bench.regress.dependencies import dependencies_differ, unmet
from bench.regress.judged import (
    FAILURES,
    Judged,
    clean_pairs,
    confirmed,
    judge,
    pairs_needed,
    unmeasured,
)
from bench.regress.measured import Lost, Observation, Pair, Suite, Watcher
from bench.regress.pytest_suite import PytestSuite
from bench.regress.sides import Sides, checked_out, lend
from bench.regress.study_suite import StudySuite

SPARE = 0.5  # of the pairs planned, as many more may replace disturbed ones
STUDIES = (".yaml", ".yml")


@dataclass(frozen=True)
class GateRequest:
    """What the user asked for on the command line.

    `pairs` None: planned from the noise found, for a change of `detect` (a fraction), within
    `budget_s` seconds, but for the first six. `head` None: the working tree as it stands.
    """

    base: str
    head: str | None = None
    suite: Path = Path("tests/benchmarks")
    select: str = ""
    detect: float = 0.1
    pairs: int | None = None
    budget_s: float = 1800.0
    accuracy: bool = False
    base_python: str | None = None
    data_dir: Path | None = None
    offline: bool = False


@dataclass(frozen=True)
class Gated:
    """What a gate found. `base` and `head` say which states were compared.

    With any of `differences` (machine or software) no row has a verdict but INCOMPARABLE.
    `remarks` say what else to know; `observations` are all that was measured.
    """

    base: str
    head: str
    detect: float
    rows: Sequence[Judged]
    differences: Sequence[str]
    remarks: Sequence[str]
    observations: Sequence[Observation]

    @property
    def has_failed(self) -> bool:
        """Tell whether a benchmark regressed, failed or is missing."""
        return any(row.verdict in FAILURES for row in self.rows)

    @property
    def is_open(self) -> bool:
        """Tell whether a regression as large as was asked for may hide in the noise."""
        return any(row.is_open(self.detect) for row in self.rows)


class GateScreen(Watcher, Protocol):
    """Who is told how a gate goes on."""

    def opened(self, base: str, head: str, remarks: Sequence[str]) -> None:
        """Show what is held against what; nothing is measured yet."""

    def paired(self, pair: int, of: int, benchmarks: int, left_s: float) -> None:
        """Show that a pair is done, how many are planned, and the time that they will take."""

    def confirming(self, suspects: Sequence[Judged]) -> None:
        """Show what looks like a regression and is measured again."""


def run_gate(request: GateRequest, screen: GateScreen) -> Gated:
    """Hold head against base in fresh interleaved processes; nothing is left of the worktrees.

    Raises BenchError where a side can't be checked out or its suite can't be loaded.
    """
    with checked_out(request.base, request.head, request.base_python) as sides:
        remarks = _remarks(request, sides)
        screen.opened(sides.base.told(), sides.head.told(), remarks)
        series = _Series(_suite(request, sides), request, screen)
        series.differences = list(unmet(sides, request.base_python))
        series.measure()
        rows = series.judged()
        suspects = [row for row in rows if row.verdict == "REGRESSED"]
        again: list[Observation] = []
        if suspects and not series.differences:
            screen.confirming(suspects)
            rerun = series.afresh({row.benchmark for row in suspects})
            rows, again = confirmed(rows, rerun.judged()), rerun.observations
        if series.differences:
            rows = [replace(row, verdict="INCOMPARABLE") for row in rows]
        return Gated(
            sides.base.told(),
            sides.head.told(),
            request.detect,
            rows,
            series.differences,
            [*remarks, *series.remarks],
            [*series.observations, *again],
        )


def _suite(request: GateRequest, sides: Sides) -> Suite:
    if request.suite.suffix in STUDIES:
        return StudySuite(sides, request.suite, request.accuracy, request.data_dir, request.offline)
    return PytestSuite(sides, request.suite, request.select, request.accuracy)


def _remarks(request: GateRequest, sides: Sides) -> list[str]:
    """Say what to know of the two sides, and lend base the suite if it has none."""
    if not (sides.head.folder / request.suite).exists():
        raise BenchError(
            "is not there",
            where=str(request.suite),
            mend="Name a folder of benchmarks or a study with --suite, inside the repository; "
            "what git ignores is left out.",
        )
    said = list(dependencies_differ(sides, request.base_python))
    if lend(sides, request.suite):
        said.append(f"base has no {request.suite}: it is measured with head's")
    return said


class _Series:
    """Pairs of one measurement, as many as it takes."""

    def __init__(
        self,
        suite: Suite,
        request: GateRequest,
        screen: GateScreen,
        names: Collection[str] | None = None,
        planned: Mapping[str, int] | None = None,
        number: int = 0,
    ) -> None:
        self._suite = suite
        self._request = request
        self._screen = screen
        self._names = None if names is None else set(names)
        self._planned = dict(planned or {})
        self._is_planned = bool(planned) or request.pairs is not None
        self._number = number  # of the last pair
        self._lost: list[Lost] = []
        self._clean: Mapping[str, int] = {}
        self._started_s = time.monotonic()
        self._pairs = 0
        self.observations: list[Observation] = []
        self.differences: list[str] = []
        self.remarks: list[str] = []

    def measure(self) -> None:
        """Measure until every benchmark has its pairs, or the budget is spent."""
        while not self._is_futile() and (names := self._wanted()):
            self._number += 1
            self._pairs += 1
            everything = self._names is None and self._pairs == 1
            self._add(
                self._suite.measure(self._number, None if everything else names, self._screen)
            )
            left = max((self._target(n) - self._pairs for n in self._measured()), default=0)
            pace_s = (time.monotonic() - self._started_s) / self._pairs
            done = self._pairs
            measured = len(names & self._measured()) or len(self._measured())
            self._screen.paired(done, done + max(left, 0), measured, pace_s * max(left, 0))

    def afresh(self, names: Collection[str]) -> "_Series":
        """Measure some benchmarks again, half as many pairs: to be worse at all is to be shown."""
        planned = {n: max(MIN_FOR_INTERVAL, -(-self._target(n) // 2)) for n in names}
        rerun = _Series(self._suite, self._request, self._screen, names, planned, self._number)
        rerun.measure()
        return rerun

    def judged(self) -> list[Judged]:
        """Give a verdict on all that was measured, and say what was not."""
        rows = judge(self.observations)
        compared = {row.benchmark for row in rows}
        failed = list(unmeasured(self._lost, compared))
        gone = {row.benchmark for row in failed}
        return [*(row for row in rows if row.benchmark not in gone), *failed]

    def _add(self, pair: Pair) -> None:
        self.observations += pair.observations
        self._lost += pair.lost
        self.differences = list(dict.fromkeys([*self.differences, *pair.differences]))
        if self._names is None and not pair.observations and not pair.lost:
            where = str(self._request.suite)
            selected = f" that -k '{self._request.select}' names" if self._request.select else ""
            raise BenchError(
                f"holds no benchmark{selected}", where=where, mend="It asks for pytest-benchmark's."
            )

    def _measured(self) -> set[str]:
        """Name the benchmarks that still give values."""
        lost = {one.benchmark for one in self._lost}
        found = {o.benchmark for o in self.observations}
        return (found if self._names is None else self._names) - lost

    def _wanted(self) -> set[str]:
        """Name the benchmarks that lack pairs; before the first, something for all."""
        if not self._pairs:
            return self._names or {"all"}
        if self._pairs >= MIN_FOR_INTERVAL and not self._is_planned:
            self._planned = pairs_needed(self.observations, self._request.detect)
        self._clean = clean_pairs(self.observations)
        lacking = {name for name in self._measured() if self._lacks(name)}
        if lacking and self._pairs >= MIN_FOR_INTERVAL and self._is_spent():
            self.remarks.append(
                f"the budget ended it after {self._pairs} pairs, before all that was planned"
            )
            return set()
        return lacking

    def _is_futile(self) -> bool:
        """Tell whether nothing can be compared, without the user having asked for that."""
        return bool(self.differences) and self._request.base_python is None

    def _is_spent(self) -> bool:
        return time.monotonic() - self._started_s > self._request.budget_s

    def _target(self, name: str) -> int:
        return self._planned.get(name, self._request.pairs or MIN_FOR_INTERVAL)

    def _lacks(self, name: str) -> bool:
        target, clean = self._target(name), self._clean.get(name, 0)
        if self._pairs < target:
            return True
        hopeless = 2 * clean <= self._pairs
        return clean < target and not hopeless and self._pairs < target * (1 + SPARE)
