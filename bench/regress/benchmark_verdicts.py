"""Verdicts on what a gate measured, and how many pairs they take."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

import numpy as np

from bench.analysis.comparisons import (
    ACCURACY,
    Comparison,
    SessionNoise,
    compare_accuracies,
    compare_times,
)
from bench.regress.benchmark_samples import Lost, Observation, Role
from bench.stats.estimates import MIN_FOR_INTERVAL, Estimate, Floats
from bench.stats.rank_tests import holm
from bench.stats.verdicts import Verdict

GateVerdict = Verdict | Literal["INCOMPARABLE", "MISSING", "FAILED", "NEW"]

MOST_PAIRS = 30
ACCURACY_DROP = 0.01  # a point: what an undecided accuracy has to rule out

FAILURES: frozenset[GateVerdict] = frozenset({"REGRESSED", "MISSING", "FAILED"})


@dataclass(frozen=True)
class Judged:
    """One measure of one benchmark, head against base.

    `comparison` is None where a side gave nothing; `why` says so then, or why a verdict is not
    what the numbers alone say. `again` is the ratio in the fresh re-run that a regression gets.
    """

    benchmark: str
    measure: str
    verdict: GateVerdict
    comparison: Comparison | None = None
    why: str = ""
    again: Estimate | None = None

    @property
    def ratio(self) -> Estimate | None:
        """Head over base, with its interval."""
        c = self.comparison
        return None if c is None else Estimate(c.ratio, c.low, c.high, c.n)

    def rules_out(self, detect: float) -> bool:
        """Tell whether head is surely not worse by as much as was asked for.

        For a time that is the fraction `detect`, for an accuracy a point.
        """
        c = self.comparison
        if c is None or c.low is None or c.high is None or self.again is not None:
            return False
        if self.measure == ACCURACY:
            return c.before * (1 - c.low) < ACCURACY_DROP
        return c.high < 1 + detect

    def is_open(self, detect: float) -> bool:
        """Tell whether it is not decided, and may hide what was asked for."""
        return self.verdict == "INCONCLUSIVE" and not self.rules_out(detect)


def judge(observations: Sequence[Observation]) -> list[Judged]:
    """Compare head with base, pair by pair, for every benchmark and measure."""
    by_measure: dict[str, list[Comparison]] = {}
    for (benchmark, measure), values in _grouped(observations).items():
        compared = _compared(benchmark, measure, values)
        if compared is not None:
            by_measure.setdefault(measure, []).append(compared)
    return [
        Judged(c.cell_id, measure, c.verdict, replace(c, p_value=float(p)))
        for measure, compared in by_measure.items()
        for c, p in zip(compared, holm([c.p_value for c in compared]), strict=True)
    ]


def confirmed(first: Sequence[Judged], again: Sequence[Judged]) -> list[Judged]:
    """Keep a regression only where the fresh re-run is worse, too, with its whole interval.

    One that fails in it has failed.
    """
    reruns = {(j.benchmark, j.measure): j for j in again}
    return [
        _confirmed(judged, reruns.get((judged.benchmark, judged.measure)))
        if judged.verdict == "REGRESSED"
        else judged
        for judged in first
    ]


def unmeasured(lost: Collection[Lost], compared: Collection[str]) -> Iterator[Judged]:
    """Say what becomes of benchmarks that gave nothing: what only head lacks is a failure."""
    by_name: dict[str, dict[Role, Lost]] = {}
    for one in lost:
        by_name.setdefault(one.benchmark, {}).setdefault(one.role, one)
    for name, sides in by_name.items():
        head, base = sides.get("head"), sides.get("base", sides.get("twin"))
        if head is None and base is not None and name not in compared:
            yield Judged(name, "time", "NEW", why=_absence(base))
        elif head is not None and head.status == "failed":
            yield Judged(name, "time", "FAILED", why=head.reason)
        elif head is not None and base is None:
            yield Judged(name, "time", "MISSING", why=_absence(head))


def _absence(lost: Lost) -> str:
    side = "head" if lost.role == "head" else "base"
    return f"{lost.status} on {side}{lost.reason and f': {lost.reason}'}"


def pairs_needed(observations: Sequence[Observation], detect: float) -> dict[str, int]:
    """Plan how many clean pairs find a change of `detect`, from what base and its twin gave.

    What head gave is not looked at, so that the plan, made again after each pair, cannot favour an
    answer. At least six and at most thirty; six where most were disturbed, since more would be too.
    """
    needed: dict[str, int] = {}
    for (benchmark, measure), values in _grouped(observations).items():
        if measure == ACCURACY:
            needed.setdefault(benchmark, MIN_FOR_INTERVAL)
            continue
        twins = _twin_logs(values)
        if 2 * len(twins) <= len(_paired(values, "twin", clean=False)):
            needed[benchmark] = MIN_FOR_INTERVAL
            continue
        n = max(len(twins), MIN_FOR_INTERVAL)
        found = SessionNoise(twins).floor_and_mde(n)[1]
        if found is None:  # fewer than six clean ones
            n += 1
        elif found > detect:  # it shrinks about as 1/√n
            n = max(n + 1, ceil(n * (found / detect) ** 2))
        needed[benchmark] = min(n, MOST_PAIRS)
    return needed


def clean_pairs(observations: Sequence[Observation]) -> dict[str, int]:
    """Count the pairs of each benchmark that can be compared, and that tell the noise."""
    return {
        benchmark: min(len(_paired(values, other, clean=True)) for other in ("head", "twin"))
        for (benchmark, measure), values in _grouped(observations).items()
        if measure != ACCURACY
    }


Turn = tuple[int, int]  # the pair's number and the turn's
Values = Mapping[Role, Mapping[Turn, Observation]]  # of one benchmark and measure


def _grouped(observations: Sequence[Observation]) -> dict[tuple[str, str], Values]:
    found: dict[tuple[str, str], dict[Role, dict[Turn, Observation]]] = {}
    for o in observations:
        sides = found.setdefault((o.benchmark, o.measure), {"base": {}, "twin": {}, "head": {}})
        sides[o.role][o.pair, o.turn] = o
    return dict(found)


def _paired(values: Values, other: Role, *, clean: bool) -> Floats:
    """Put base and another role together: (n, 2), of the pairs that both have.

    A pair with several turns is the fastest on each side, since noise only ever adds time. Source:
    Chen & Revels (2016), Robust benchmarking in noisy environments, arXiv:1608.04295.
    """
    base, others = values["base"], values[other]
    turns: dict[int, list[tuple[float, float]]] = {}
    for turn in sorted(base.keys() & others.keys()):
        if not (clean and (base[turn].disturbed or others[turn].disturbed)):
            turns.setdefault(turn[0], []).append((base[turn].value, others[turn].value))
    pairs = [np.min(its, axis=0) for its in turns.values()]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def _twin_logs(values: Values) -> Floats:
    pairs = _paired(values, "twin", clean=True)
    logs: Floats = np.log(pairs[:, 1] / pairs[:, 0])
    return logs


def _compared(benchmark: str, measure: str, values: Values) -> Comparison | None:
    pairs = _paired(values, "head", clean=False)
    if not len(pairs):
        return None
    if measure == ACCURACY:
        return compare_accuracies(benchmark, pairs[:, 0], pairs[:, 1])
    kept = _paired(values, "head", clean=True)
    return compare_times(benchmark, measure, pairs, kept, SessionNoise(_twin_logs(values)))


def _confirmed(judged: Judged, rerun: Judged | None) -> Judged:
    if rerun is not None and rerun.verdict == "FAILED":
        return rerun
    ratio = None if rerun is None else rerun.ratio
    if ratio is not None and ratio.low is not None and ratio.high is not None:
        worse = ratio.high < 1 if judged.measure == ACCURACY else ratio.low > 1
        if worse:
            return replace(judged, again=ratio)
    return replace(judged, verdict="INCONCLUSIVE", again=ratio, why="not confirmed by the re-run")
