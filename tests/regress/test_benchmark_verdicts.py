"""Observations of a gate lead to pairs, plans, verdicts and confirmations."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from bench.regress.benchmark_samples import (
    MissingSample,
    Observation,
    Role,
    differing_conditions,
    missing_benchmarks,
)
from bench.regress.benchmark_verdicts import (
    ACCURACY_DROP,
    MAX_PAIRS,
    BenchmarkVerdict,
    clean_pairs,
    confirm_regressions,
    judge,
    judge_missing,
    pairs_needed,
)
from bench.stats.estimates import Estimate

NAME = "tests/b.py::test_step"


def observed(
    ratio: float,
    *,
    pairs: int = 10,
    noise: float = 0.01,
    turns: int = 1,
    disturbed: Iterable[int] = (),
    measure: str = "time",
) -> list[Observation]:
    """Make pairs in which head takes `ratio` times what base takes, with log-normal noise."""
    rng, spoilt = np.random.default_rng(3), set(disturbed)
    roles: list[tuple[Role, float]] = [("base", 1.0), ("twin", 1.0), ("head", ratio)]
    return [
        Observation(
            NAME, measure, pair, turn, role, value * float(np.exp(rng.normal(0, noise))),
            "steal" if pair in spoilt and role == "head" else "",
        )
        for pair in range(pairs)
        for turn in range(turns)
        for role, value in roles
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [(1.0, "EQUIVALENT"), (1.2, "REGRESSED"), (0.8, "IMPROVED"), (1.03, "INCONCLUSIVE")],
)
def test_a_verdict_compares_the_ratio_with_the_noise_floor(ratio: float, verdict: str) -> None:
    (row,) = judge(observed(ratio))
    assert (row.benchmark, row.measure, row.verdict) == (NAME, "time", verdict)
    assert row.comparison is not None
    assert row.comparison.n == 10
    assert row.comparison.ratio == pytest.approx(ratio, rel=0.02)


def test_a_higher_accuracy_is_better() -> None:
    (row,) = judge(observed(1.05, measure="test_accuracy", noise=1e-4))
    assert row.verdict == "IMPROVED"


def test_a_noisy_control_widens_the_floor() -> None:
    quiet, noisy = (judge(observed(1.1, noise=s))[0].comparison for s in (0.005, 0.1))
    assert quiet is not None
    assert noisy is not None
    assert noisy.floor > 2 * quiet.floor


def test_a_pair_is_the_fastest_of_its_turns_on_each_side() -> None:
    observations = observed(1.0, noise=0.0, turns=3)
    hit = [
        replace(o, value=9.0)
        if (o.role, o.turn) in {("head", 1), ("base", 2), ("twin", 0), ("twin", 1)}
        else o
        for o in observations
    ]
    (row,) = judge(hit)
    assert row.ratio == Estimate(1.0, 1.0, 1.0, 10)


def test_disturbed_pairs_are_left_out_and_counted() -> None:
    (row,) = judge(observed(1.2, disturbed=[1, 4]))
    assert row.comparison is not None
    assert (row.comparison.n, row.comparison.left_out) == (8, 2)
    assert clean_pairs(observed(1.2, disturbed=[1, 4])) == {NAME: 8}


def test_a_benchmark_with_only_disturbed_pairs_is_inconclusive() -> None:
    (row,) = judge(observed(1.5, disturbed=range(10)))
    assert row.verdict == "INCONCLUSIVE"
    assert row.may_hide_regression(0.1)


def test_more_pairs_are_planned_for_a_smaller_change() -> None:
    pilot = observed(1.0, pairs=6, noise=0.03)
    small, large = (pairs_needed(pilot, detect)[NAME] for detect in (0.06, 0.5))
    assert large == 6
    assert 6 < small <= MAX_PAIRS


def test_the_plan_does_not_depend_on_head() -> None:
    pilot = observed(1.0, pairs=6, noise=0.03)
    other = [replace(o, value=7 * o.value**2) if o.role == "head" else o for o in pilot]
    assert pairs_needed(pilot, 0.06) == pairs_needed(other, 0.06)


def test_no_more_pairs_are_planned_if_most_were_disturbed() -> None:
    pilot = [
        replace(o, disturbed="other processes" if o.role == "twin" else "")
        for o in observed(1.0, pairs=6, noise=0.3)
    ]
    assert pairs_needed(pilot, 0.01)[NAME] == 6


def test_an_inconclusive_time_may_hide_a_regression_within_its_interval() -> None:
    (row,) = judge(observed(1.03))
    assert row.verdict == "INCONCLUSIVE"
    assert row.may_hide_regression(0.02)
    assert not row.may_hide_regression(0.1)


def test_an_inconclusive_accuracy_may_hide_a_drop_of_a_point() -> None:
    (row,) = judge(observed(1.0, measure="test_accuracy", noise=0.001))
    assert row.comparison is not None
    undecided = replace(row, verdict="INCONCLUSIVE")
    assert not undecided.may_hide_regression(0.1)
    lower = replace(row.comparison, low=1 - 1.01 * ACCURACY_DROP / row.comparison.before)
    assert replace(undecided, comparison=lower).may_hide_regression(0.1)


@pytest.mark.parametrize(
    ("again", "verdict"), [(1.1, "REGRESSED"), (1.0, "INCONCLUSIVE"), (0.9, "INCONCLUSIVE")]
)
def test_a_regression_needs_a_re_run_that_is_slower_too(again: float, verdict: str) -> None:
    (row,) = confirm_regressions(judge(observed(1.2)), judge(observed(again)))
    assert row.verdict == verdict
    assert row.rerun is not None
    assert row.rerun.value == pytest.approx(again, rel=0.02)
    assert row.may_hide_regression(0.1) == (verdict == "INCONCLUSIVE")


def test_a_regression_that_fails_in_its_re_run_has_failed() -> None:
    failed = BenchmarkVerdict(NAME, "time", "FAILED", reason="boom")
    assert confirm_regressions(judge(observed(1.2)), [failed]) == [failed]


def test_a_lower_accuracy_needs_a_re_run_that_is_lower_too() -> None:
    first, lower, same = (
        judge(observed(r, measure="test_accuracy", noise=1e-4)) for r in (0.9, 0.95, 1.0)
    )
    assert confirm_regressions(first, lower)[0].verdict == "REGRESSED"
    assert confirm_regressions(first, same)[0].verdict == "INCONCLUSIVE"


def test_confirmation_changes_only_regressions() -> None:
    rows = judge(observed(0.8))
    assert confirm_regressions(rows, []) == rows


@pytest.mark.parametrize(
    ("lost", "verdicts"),
    [
        ([MissingSample("head", NAME, "missing")], ["MISSING"]),
        ([MissingSample("head", NAME, "skipped", "no GPU")], ["MISSING"]),
        ([MissingSample("head", NAME, "failed", "boom")], ["FAILED"]),
        (
            [MissingSample("head", NAME, "failed"), MissingSample("base", NAME, "failed")],
            ["FAILED"],
        ),
        ([MissingSample("base", NAME, "missing")], ["NEW"]),
        ([MissingSample("base", NAME, "failed"), MissingSample("twin", NAME, "failed")], ["NEW"]),
        ([MissingSample(role, NAME, "skipped") for role in ("base", "twin", "head")], []),
    ],
)
def test_missing_samples_get_verdicts(lost: list[MissingSample], verdicts: list[str]) -> None:
    assert [row.verdict for row in judge_missing(lost, compared=())] == verdicts


def test_a_benchmark_that_fails_now_and_then_on_base_keeps_its_numbers() -> None:
    assert not list(judge_missing([MissingSample("twin", NAME, "failed")], compared=[NAME]))


def test_benchmarks_on_one_side_only_are_missing_on_the_other() -> None:
    names: dict[Role, list[str]] = {"base": ["a", "b"], "twin": ["a", "b"], "head": ["b", "c"]}
    assert list(missing_benchmarks(names)) == [
        MissingSample("head", "a", "missing"),
        MissingSample("base", "c", "missing"),
    ]


def test_conditions_differ_only_if_both_are_known() -> None:
    base, head = {"cpu": "A", "torch": "2.9"}, {"torch": "2.10", "threads": "2"}
    assert list(differing_conditions(base, head)) == ["torch: 2.9 on base, 2.10 on head"]


def test_a_verdict_without_numbers_rules_nothing_out() -> None:
    assert not BenchmarkVerdict(NAME, "time", "MISSING").rules_out(0.1)
