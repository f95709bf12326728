"""Verdicts on the samples of a gate, and the number of pairs that they need."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

import numpy as np
import pandas as pd

from bench.analysis.accuracy_comparisons import compare_accuracies
from bench.analysis.comparison_table import ACCURACY, Comparison
from bench.analysis.time_comparisons import SessionNoise, compare_times
from bench.regress.benchmark_samples import TIME, MissingSample, Observation, Role
from bench.stats.estimates import MIN_FOR_INTERVAL, Estimate, Floats
from bench.stats.rank_tests import holm
from bench.stats.verdicts import Verdict

GateVerdict = Verdict | Literal["INCOMPARABLE", "MISSING", "FAILED", "NEW"]

MAX_PAIRS = 30
ACCURACY_DROP = 0.01  # what an inconclusive accuracy has to rule out

FAILURES: frozenset[GateVerdict] = frozenset({"REGRESSED", "MISSING", "FAILED"})


@dataclass(frozen=True)
class BenchmarkVerdict:
    """One measure of one benchmark, head compared with base.

    `comparison` is None if either has no value. `reason` explains a verdict that doesn't follow
    from the numbers. `rerun` is the ratio in the fresh re-run of an apparent regression.
    """

    benchmark: str
    measure: str
    verdict: GateVerdict
    comparison: Comparison | None = None
    reason: str = ""
    rerun: Estimate | None = None

    @property
    def ratio(self) -> Estimate | None:
        """Head over base, with its interval."""
        c = self.comparison
        return None if c is None else Estimate(c.ratio, c.low, c.high, c.n)

    def rules_out(self, detect: float) -> bool:
        """Return whether a time longer by `detect`, or an accuracy lower by 0.01, is ruled out."""
        c = self.comparison
        if c is None or c.low is None or c.high is None or self.rerun is not None:
            return False
        if self.measure == ACCURACY:
            return c.before * (1 - c.low) < ACCURACY_DROP
        return c.high < 1 + detect

    def may_hide_regression(self, detect: float) -> bool:
        """Return whether it is inconclusive and a regression of `detect` is not ruled out."""
        return self.verdict == "INCONCLUSIVE" and not self.rules_out(detect)


def judge(observations: Sequence[Observation]) -> list[BenchmarkVerdict]:
    """Compare head with base, paired, for every benchmark and measure."""
    by_measure: dict[str, list[Comparison]] = {}
    for (benchmark, measure), values in _grouped(observations).items():
        pairs = _paired(values, "head", clean=False)
        if not len(pairs):
            continue
        if measure == ACCURACY:
            (compared,) = compare_accuracies(pd.DataFrame(pairs), {benchmark: ([0], [1])})
        else:
            kept = _paired(values, "head", clean=True)
            noise = SessionNoise(_control_logs(values))
            compared = compare_times(benchmark, measure, pairs, kept, noise)
        by_measure.setdefault(measure, []).append(compared)
    return [
        BenchmarkVerdict(c.cell_id, measure, c.verdict, replace(c, p_value=float(p)))
        for measure, compared in by_measure.items()
        for c, p in zip(compared, holm([c.p_value for c in compared]), strict=True)
    ]


def confirm_regressions(
    first: Sequence[BenchmarkVerdict], reruns: Sequence[BenchmarkVerdict]
) -> list[BenchmarkVerdict]:
    """Keep a regression only if the interval of the fresh re-run is worse too.

    A benchmark that fails in the re-run has failed.
    """
    by_key = {(row.benchmark, row.measure): row for row in reruns}
    return [
        _confirm(row, by_key.get((row.benchmark, row.measure)))
        if row.verdict == "REGRESSED"
        else row
        for row in first
    ]


def _confirm(first: BenchmarkVerdict, rerun: BenchmarkVerdict | None) -> BenchmarkVerdict:
    if rerun is not None and rerun.verdict == "FAILED":
        return rerun
    ratio = None if rerun is None else rerun.ratio
    if ratio is not None and ratio.low is not None and ratio.high is not None:
        is_worse = ratio.high < 1 if first.measure == ACCURACY else ratio.low > 1
        if is_worse:
            return replace(first, rerun=ratio)
    return replace(first, verdict="INCONCLUSIVE", rerun=ratio, reason="not confirmed by the re-run")


def judge_missing(
    missing: Collection[MissingSample], compared: Collection[str]
) -> Iterator[BenchmarkVerdict]:
    """Yield verdicts on benchmarks without values; missing on head alone is a failure."""
    by_name: dict[str, dict[Role, MissingSample]] = {}
    for sample in missing:
        by_name.setdefault(sample.benchmark, {}).setdefault(sample.role, sample)
    for name, roles in by_name.items():
        head, base = roles.get("head"), roles.get("base", roles.get("twin"))
        if head is None and base is not None and name not in compared:
            yield BenchmarkVerdict(name, TIME, "NEW", reason=_describe(base, "base"))
        elif head is not None and head.status == "failed":
            yield BenchmarkVerdict(name, TIME, "FAILED", reason=head.reason)
        elif head is not None and base is None:
            yield BenchmarkVerdict(name, TIME, "MISSING", reason=_describe(head, "head"))


def _describe(missing: MissingSample, side: str) -> str:
    return f"{missing.status} on {side}{missing.reason and f': {missing.reason}'}"


def pairs_needed(observations: Sequence[Observation], detect: float) -> dict[str, int]:
    """Plan how many clean pairs each benchmark needs to detect a change of `detect`.

    From base and its A/A control alone: repeating the plan after each pair must not favour an
    outcome. Between 6 and 30; 6 if most pairs were disturbed, since more would be too.
    """
    needed: dict[str, int] = {}
    for (benchmark, measure), values in _grouped(observations).items():
        if measure == ACCURACY:
            needed.setdefault(benchmark, MIN_FOR_INTERVAL)
            continue
        control = _control_logs(values)
        if 2 * len(control) <= len(_paired(values, "twin", clean=False)):
            needed[benchmark] = MIN_FOR_INTERVAL
            continue
        n = max(len(control), MIN_FOR_INTERVAL)
        mde = SessionNoise(control).floor_and_mde(n)[1]
        if mde is None:  # fewer than six clean pairs
            n += 1
        elif mde > detect:  # it shrinks about as 1/√n
            n = max(n + 1, ceil(n * (mde / detect) ** 2))
        needed[benchmark] = min(n, MAX_PAIRS)
    return needed


def clean_pairs(observations: Sequence[Observation]) -> dict[str, int]:
    """Count each benchmark's undisturbed pairs, of head or of the A/A control if it has fewer."""
    return {
        benchmark: min(len(_paired(values, other, clean=True)) for other in ("head", "twin"))
        for (benchmark, measure), values in _grouped(observations).items()
        if measure != ACCURACY
    }


Turn = tuple[int, int]  # number of the pair, number of the turn
Values = Mapping[Role, Mapping[Turn, Observation]]  # of one benchmark and measure


def _grouped(observations: Sequence[Observation]) -> dict[tuple[str, str], Values]:
    groups: dict[tuple[str, str], dict[Role, dict[Turn, Observation]]] = {}
    for o in observations:
        roles = groups.setdefault((o.benchmark, o.measure), {"base": {}, "twin": {}, "head": {}})
        roles[o.role][o.pair, o.turn] = o
    return dict(groups)


def _paired(values: Values, other: Role, *, clean: bool) -> Floats:
    """Pair base with another role, (n, 2): the fastest turn of each, since noise only adds time.

    Source: Chen & Revels (2016), Robust benchmarking in noisy environments, arXiv:1608.04295.
    """
    base, others = values["base"], values[other]
    turns: dict[int, list[tuple[float, float]]] = {}
    for turn in sorted(base.keys() & others.keys()):
        if not (clean and (base[turn].disturbed or others[turn].disturbed)):
            turns.setdefault(turn[0], []).append((base[turn].value, others[turn].value))
    pairs = [np.min(values_of_turns, axis=0) for values_of_turns in turns.values()]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def _control_logs(values: Values) -> Floats:
    pairs = _paired(values, "twin", clean=True)
    logs: Floats = np.log(pairs[:, 1] / pairs[:, 0])
    return logs
