"""The stages of `bench gate`: check out, measure pairs, judge, measure suspects again."""

import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import BenchError
from bench.regress.benchmark_names import short_names
from bench.regress.benchmark_samples import (
    GateReporter,
    MissingSample,
    Observation,
    Statistic,
    Suite,
)
from bench.regress.benchmark_verdicts import (
    FAILURES,
    BenchmarkVerdict,
    clean_pairs,
    confirm_regressions,
    judge,
    judge_missing,
    pairs_needed,
)
from bench.regress.dependencies import differing_dependencies, unmet_requirements
from bench.regress.pytest_suite import PytestSuite
from bench.regress.study_suite import StudySuite
from bench.regress.worktrees import Worktrees, check_out, copy_suite_to_base
from bench.stats.estimates import MIN_FOR_INTERVAL

STUDY_SUFFIXES = (".yaml", ".yml")
SPARE = 0.5  # of the pairs planned: as many more may replace disturbed ones


@dataclass(frozen=True)
class GateRequest:
    """The options of a gate.

    `pairs` None: planned from the noise, for a change of `detect` (a fraction), within `budget_s`
    seconds but at least six. `head` None: the working tree with uncommitted changes.
    """

    base: str
    head: str | None = None
    suite: Path = Path("tests/benchmarks")
    select: str = ""
    statistic: Statistic = "min"
    detect: float = 0.05
    pairs: int | None = None
    budget_s: float = 1800.0
    accuracy: bool = False
    base_python: str | None = None
    data_dir: Path | None = None
    offline: bool = False

    @property
    def is_study(self) -> bool:
        """Whether the suite is a study file."""
        return self.suite.suffix in STUDY_SUFFIXES


@dataclass(frozen=True)
class GateResult:
    """Verdicts and samples of a gate; `base` and `head` describe the states compared.

    With any `differences` (of machine or software) every verdict is INCOMPARABLE.
    """

    base: str
    head: str
    detect: float
    rows: Sequence[BenchmarkVerdict] = ()
    differences: Sequence[str] = ()
    remarks: Sequence[str] = ()
    observations: Sequence[Observation] = ()

    @property
    def has_failed(self) -> bool:
        """Whether a benchmark regressed, failed or is missing."""
        return any(row.verdict in FAILURES for row in self.rows)

    @property
    def is_inconclusive(self) -> bool:
        """Whether noise may hide a regression of the size to detect."""
        return any(row.may_hide_regression(self.detect) for row in self.rows)


def run_gate(request: GateRequest, reporter: GateReporter) -> GateResult:
    """Compare head with base in fresh interleaved processes, and remove the worktrees.

    Raises BenchError if either can't be checked out or its suite can't be loaded.
    """
    _check(request)
    with check_out(request.base, request.head, request.base_python) as trees:
        result = GateResult(
            trees.base.description,
            trees.head.description,
            request.detect,
            differences=list(unmet_requirements(trees, request.base_python)),
            remarks=_prepare_suite(request, trees),
        )
        reporter.opened(result.base, result.head, result.remarks)
        if result.differences:
            return result
        return _measure(result, _suite(request, trees), request, reporter)


def _check(request: GateRequest) -> None:
    if request.select and request.is_study:
        raise BenchError(
            "-k selects pytest benchmarks, but the suite is a study",
            where=str(request.suite),
            hint="Use a study with fewer cells.",
        )
    if request.base_python is not None and shutil.which(request.base_python) is None:
        raise BenchError(
            f"--base-python: no program '{request.base_python}' found",
            hint="Expected an interpreter, such as .venv-of-base/bin/python.",
        )


def _prepare_suite(request: GateRequest, trees: Worktrees) -> list[str]:
    """Copy the suite to base if it has none; return remarks on the two worktrees."""
    if not (trees.head.folder / request.suite).exists():
        raise BenchError(
            "no such suite",
            where=str(request.suite),
            hint="--suite takes a folder of benchmarks or a study inside the repository that git "
            "does not ignore.",
        )
    remarks = list(differing_dependencies(trees, request.base_python))
    if trees.base.commit == trees.head.commit and not trees.head.changed:
        remarks.append("base and head are the same commit: any difference is noise")
    if copy_suite_to_base(trees, request.suite):
        remarks.append(f"base has no {request.suite}: measured with head's")
    submodules = (trees.base.missing_submodules(), trees.head.missing_submodules())
    return [*remarks, *filter(None, submodules)]


def _suite(request: GateRequest, trees: Worktrees) -> Suite:
    if request.is_study:
        return StudySuite(trees, request.suite, request.accuracy, request.data_dir, request.offline)
    return PytestSuite(trees, request.suite, request.select, request.statistic, request.accuracy)


def _measure(
    result: GateResult, suite: Suite, request: GateRequest, reporter: GateReporter
) -> GateResult:
    """Measure all benchmarks, and apparent regressions once more."""
    series = PairSeries(suite, reporter, request.detect, request.budget_s, pairs=request.pairs)
    series.measure(even_if_incomparable=request.base_python is not None)
    rows, observations = series.verdicts(), series.observations
    if not rows:
        raise _no_benchmarks(request, series.missing)
    suspects = {row.benchmark for row in rows if row.verdict == "REGRESSED"}
    if series.differences:
        rows = [replace(row, verdict="INCOMPARABLE") for row in rows]
    elif suspects:
        names = short_names(row.benchmark for row in rows)
        reporter.confirming([name for benchmark, name in names.items() if benchmark in suspects])
        rerun = series.rerun(suspects)
        rows = confirm_regressions(rows, rerun.verdicts())
        observations = [*observations, *rerun.observations]
    return replace(
        result,
        rows=rows,
        differences=series.differences,
        remarks=[*result.remarks, *series.remarks],
        observations=observations,
    )


def _no_benchmarks(request: GateRequest, missing: Sequence[MissingSample]) -> BenchError:
    if missing:
        first, names = missing[0], short_names(sample.benchmark for sample in missing)
        return BenchError(
            f"no benchmark was measured; {names[first.benchmark]}: {first.status}: {first.reason}",
            where=str(request.suite),
        )
    selected = f" that matches -k '{request.select}'" if request.select else ""
    return BenchError(
        f"contains no benchmark{selected}",
        where=str(request.suite),
        hint="A benchmark is a test that uses pytest-benchmark's fixture `benchmark`.",
    )


class PairSeries:
    """Measures pair by pair until each benchmark has as many clean pairs as it needs.

    The number is planned anew after each pair to detect a change of `detect`, within `budget_s`
    seconds but at least six pairs; or it is fixed by `pairs`.
    """

    def __init__(
        self,
        suite: Suite,
        reporter: GateReporter,
        detect: float,
        budget_s: float,
        *,
        pairs: int | None = None,
        first_pair: int = 1,
        names: Collection[str] | None = None,
    ) -> None:
        self._suite = suite
        self._reporter = reporter
        self._detect = detect
        self._budget_s = budget_s
        self._fixed = pairs
        self._first_pair = first_pair
        self._names = names  # None for all
        self._started_s = time.monotonic()
        self._pairs = 0
        self._targets: Mapping[str, int] = {}
        self.missing: list[MissingSample] = []
        self.observations: list[Observation] = []
        self.differences: list[str] = []
        self.remarks: list[str] = []

    def measure(self, *, even_if_incomparable: bool = False) -> None:
        """Measure pairs until all benchmarks have enough, or are found not to be comparable."""
        self._measure_pair(self._names)
        while (even_if_incomparable or not self.differences) and (lacking := self._lacking()):
            self._measure_pair(lacking)

    def rerun(self, names: Collection[str]) -> "PairSeries":
        """Measure some benchmarks afresh with half as many pairs: enough to confirm a sign."""
        pairs = max(MIN_FOR_INTERVAL, -(-max(map(self._target, names)) // 2))
        rerun = PairSeries(
            self._suite, self._reporter, self._detect, self._budget_s,
            pairs=pairs, first_pair=self._first_pair + self._pairs, names=names,
        )  # fmt: skip
        rerun.measure(even_if_incomparable=True)
        return rerun

    def verdicts(self) -> list[BenchmarkVerdict]:
        """Return a verdict on each benchmark, measured or missing."""
        rows = judge(self.observations)
        missing = list(judge_missing(self.missing, {row.benchmark for row in rows}))
        names = {row.benchmark for row in missing}
        return [*(row for row in rows if row.benchmark not in names), *missing]

    def _measure_pair(self, names: Collection[str] | None) -> None:
        samples = self._suite.measure(self._first_pair + self._pairs, names, self._reporter)
        self._pairs += 1
        self.observations += samples.observations
        self.missing += samples.missing
        self.differences = list(dict.fromkeys([*self.differences, *samples.differences]))
        measured = self._measured()
        left = max(0, max(map(self._target, measured), default=0) - self._pairs)
        pace_s = (time.monotonic() - self._started_s) / self._pairs
        benchmarks = len(measured if names is None else measured & set(names))
        self._reporter.paired(self._pairs, self._pairs + left, benchmarks, pace_s * left)

    def _measured(self) -> set[str]:
        """Return the benchmarks that still have values."""
        names = self._names or {o.benchmark for o in self.observations}
        return set(names) - {sample.benchmark for sample in self.missing}

    def _lacking(self) -> set[str]:
        """Return the benchmarks that need more pairs; none once the budget is spent."""
        if self._fixed is None and self._pairs >= MIN_FOR_INTERVAL:
            self._targets = pairs_needed(self.observations, self._detect)
        clean = clean_pairs(self.observations)
        lacking = {name for name in self._measured() if self._lacks(name, clean.get(name, 0))}
        is_spent = time.monotonic() - self._started_s > self._budget_s
        if lacking and is_spent and self._pairs >= MIN_FOR_INTERVAL:
            self.remarks.append(f"budget spent after {self._pairs} pairs, before all planned ones")
            return set()
        return lacking

    def _target(self, name: str) -> int:
        return self._fixed or self._targets.get(name, MIN_FOR_INTERVAL)

    def _lacks(self, name: str, clean: int) -> bool:
        target = self._target(name)
        if self._pairs < target:
            return True
        is_hopeless = 2 * clean <= self._pairs  # most were disturbed: so would the next be
        return clean < target and not is_hopeless and self._pairs < target * (1 + SPARE)
