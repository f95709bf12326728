"""`bench gate` as a list of stages: check out, measure, judge, measure suspects again."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bench.errors import BenchError
from bench.regress.benchmark_names import short_names
from bench.regress.benchmark_samples import Lost, Observation, Statistic, Suite
from bench.regress.benchmark_verdicts import FAILURES, Judged, confirmed
from bench.regress.dependencies import dependencies_differ, unmet
from bench.regress.pair_series import PairWatcher, Series
from bench.regress.pytest_suite import PytestSuite
from bench.regress.study_suite import StudySuite
from bench.regress.worktrees import Sides, absence, checked_out, lend

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
    statistic: Statistic = "min"
    detect: float = 0.1
    pairs: int | None = None
    budget_s: float = 1800.0
    accuracy: bool = False
    base_python: str | None = None
    data_dir: Path | None = None
    offline: bool = False

    @property
    def is_study(self) -> bool:
        """Whether the suite is a study file."""
        return self.suite.suffix in STUDIES


@dataclass(frozen=True)
class Gated:
    """What a gate found. `base` and `head` say which states were compared.

    With any of `differences` (machine or software) no row has a verdict but INCOMPARABLE.
    `remarks` say what else to know; `observations` are all that was measured.
    """

    base: str
    head: str
    detect: float
    rows: Sequence[Judged] = ()
    differences: Sequence[str] = ()
    remarks: Sequence[str] = ()
    observations: Sequence[Observation] = ()

    @property
    def has_failed(self) -> bool:
        """Tell whether a benchmark regressed, failed or is missing."""
        return any(row.verdict in FAILURES for row in self.rows)

    @property
    def is_open(self) -> bool:
        """Tell whether a regression as large as was asked for may hide in the noise."""
        return any(row.is_open(self.detect) for row in self.rows)


class GateReporter(PairWatcher, Protocol):
    """Who is told how a gate goes on."""

    def opened(self, base: str, head: str, remarks: Sequence[str]) -> None:
        """Show what is held against what; nothing is measured yet."""

    def confirming(self, suspects: Sequence[str]) -> None:
        """Show the names of what looks like a regression and is measured again."""


def run_gate(request: GateRequest, reporter: GateReporter) -> Gated:
    """Hold head against base in fresh interleaved processes; nothing is left of the worktrees.

    Raises BenchError where a side can't be checked out or its suite can't be loaded.
    """
    _check(request)
    with checked_out(request.base, request.head, request.base_python) as sides:
        gated = Gated(
            sides.base.told(),
            sides.head.told(),
            request.detect,
            differences=list(unmet(sides, request.base_python)),
            remarks=_remarks(request, sides),
        )
        reporter.opened(gated.base, gated.head, gated.remarks)
        if gated.differences:
            return gated
        return _measured(gated, _suite(request, sides), request, reporter)


def _check(request: GateRequest) -> None:
    """Refuse what can be known to be wrong before anything is checked out."""
    if request.select and request.is_study:
        raise BenchError(
            "-k selects benchmarks of pytest, and this suite is a study",
            where=str(request.suite),
            hint="A study of its own, with fewer cells, is quicker.",
        )
    if request.base_python is not None and shutil.which(request.base_python) is None:
        raise BenchError(
            f"--base-python: there is no program '{request.base_python}'",
            hint="Name an interpreter, such as .venv-of-base/bin/python.",
        )


def _measured(gated: Gated, suite: Suite, request: GateRequest, reporter: GateReporter) -> Gated:
    """Measure all, and what looks like a regression once more."""
    series = Series(suite, reporter, request.detect, request.budget_s)
    series.measure(request.pairs, compare_at_all_costs=request.base_python is not None)
    rows, observations = series.judged(), series.observations
    if not rows:
        raise _nothing_there(request, series.lost)
    suspects = {row.benchmark for row in rows if row.verdict == "REGRESSED"}
    if series.differences:
        rows = [replace(row, verdict="INCOMPARABLE") for row in rows]
    elif suspects:
        names = short_names(row.benchmark for row in rows)
        reporter.confirming([names[row] for row in names if row in suspects])
        rerun = series.again(suspects)
        rows = confirmed(rows, rerun.judged())
        observations = [*observations, *rerun.observations]
    return replace(
        gated,
        rows=rows,
        differences=series.differences,
        remarks=[*gated.remarks, *series.remarks],
        observations=observations,
    )


def _nothing_there(request: GateRequest, lost: Sequence[Lost]) -> BenchError:
    if lost:
        first, names = lost[0], short_names(one.benchmark for one in lost)
        return BenchError(
            f"no benchmark was measured; {names[first.benchmark]}: {first.status}: {first.reason}",
            where=str(request.suite),
        )
    selected = f" that -k '{request.select}' names" if request.select else ""
    return BenchError(
        f"holds no benchmark{selected}",
        where=str(request.suite),
        hint="A benchmark is a test that asks for pytest-benchmark's fixture `benchmark`.",
    )


def _suite(request: GateRequest, sides: Sides) -> Suite:
    if request.is_study:
        return StudySuite(sides, request.suite, request.accuracy, request.data_dir, request.offline)
    return PytestSuite(sides, request.suite, request.select, request.statistic, request.accuracy)


def _remarks(request: GateRequest, sides: Sides) -> list[str]:
    """Say what to know of the two sides, and lend base the suite if it has none."""
    if not (sides.head.folder / request.suite).exists():
        raise BenchError(
            "is not there",
            where=str(request.suite),
            hint="Name a folder of benchmarks or a study with --suite, inside the repository; "
            "what git ignores is left out.",
        )
    said = list(dependencies_differ(sides, request.base_python))
    if sides.base.commit == sides.head.commit and not sides.head.changed:
        said.append("base and head are the same commit: what differs is noise")
    if lend(sides, request.suite):
        said.append(f"base has no {request.suite}: it is measured with head's")
    return [*said, *filter(None, map(absence, (sides.base, sides.head)))]
