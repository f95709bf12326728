"""`--until-decided` adds seeds where an accuracy is inconclusive, at few looks."""

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from runner_doubles import Ask, FakeExecutor, Silent, batch

from bench.planning import Deciding, Request, plan_study
from bench.runner import Decided, added_runs, run_study
from bench.stats.stopping import next_seeds, seeds_confidence
from bench.study.runs import Run

STUDY = """
name: made_up
base: {dataset: digits, epochs: 1, device: cpu, batch_size: 512, threads: 1}
axes: {batch_size: [512, 64, 128]}
seeds: [0, 1, 2]
timing: off
"""
BETTER = {64: 0.03, 128: 0.0015}  # than 512
LONG_S = 1e6
TRIAL_S = 2.0


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now_s = [0.0]
    monkeypatch.setattr(added_runs, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    return now_s


def learnt(run: Run, better: Mapping[int, float] = BETTER, scatter: float = 0.001) -> float:
    rng = np.random.default_rng((run.seed, batch(run)))
    return float(0.95 + better.get(batch(run), 0.0) + scatter * rng.normal())


def executor(now_s: list[float], **how: object) -> FakeExecutor:
    def passed(seconds: float) -> None:
        now_s[0] += seconds

    return FakeExecutor(**{"accuracy": learnt, "passed": passed, **how})  # type: ignore[arg-type]


def decide(request: Request, fake: FakeExecutor) -> tuple[Decided, Silent]:
    reporter = Silent()
    decided = run_study(request, reporter, fake).decided
    assert decided is not None
    return decided, reporter


def seeds_of(fake: FakeExecutor, size: int) -> list[int]:
    return [run.seed for run in fake.runs if run.kind == "trial" and batch(run) == size]


def test_the_undecided_cell_and_the_baseline_get_seeds_until_it_is_decided(
    ask: Ask, now_s: list[float]
) -> None:
    fake = executor(now_s)
    decided, reporter = decide(ask(STUDY, deciding=Deciding(LONG_S)), fake)
    assert seeds_of(fake, 64) == [0, 1, 2]
    assert seeds_of(fake, 128) == seeds_of(fake, 512) == list(range(len(seeds_of(fake, 512))))
    more = 2 * (len(seeds_of(fake, 512)) - 3)
    assert more > 0
    assert decided == Decided(more, TRIAL_S * more, 0)
    assert sum(map(len, reporter.added)) == more


def test_looks_come_after_growing_numbers_of_seeds_and_are_stored(
    ask: Ask, now_s: list[float]
) -> None:
    similar = executor(now_s, accuracy=lambda run: learnt(run) if batch(run) != 128 else 0.9503)
    _, reporter = decide(ask(STUDY, deciding=Deciding(60 * TRIAL_S)), similar)
    n = 3
    for ids in reporter.added:
        assert n + len(ids) // 2 == next_seeds(n)
        n = next_seeds(n)
    trials = pd.read_csv(ask().results / "made_up" / "trials.csv")
    looks = trials[trials["batch_size"] == 512].sort_values("seed")["look"].to_list()
    added = [len(ids) // 2 for ids in reporter.added]
    assert looks == [1] * 3 + [look for look, size in enumerate(added, 2) for _ in range(size)]


def test_the_intervals_allow_for_the_looks(ask: Ask, now_s: list[float]) -> None:
    plain = run_study(ask(STUDY), Silent(), executor(now_s)).results.comparisons
    looked = run_study(
        ask(STUDY, deciding=Deciding(0.0)), Silent(), executor(now_s)
    ).results.comparisons
    assert plain.equals(looked)  # the trials are cached: they were planned without looks
    fresh = ask(STUDY, deciding=Deciding(0.0), fresh=True)
    looked = run_study(fresh, Silent(), executor(now_s)).results.comparisons
    assert seeds_confidence(1) > 0.95
    assert (looked["low"] < plain["low"]).all() and (looked["high"] > plain["high"]).all()


def test_it_stops_before_the_budget_is_exceeded(ask: Ask, now_s: list[float]) -> None:
    same = executor(now_s, accuracy=lambda run: learnt(run, {}, 0.003))
    decided, _ = decide(ask(STUDY, deciding=Deciding(7 * TRIAL_S)), same)
    assert (decided.trials, decided.undecided) == (6, 2)  # two seeds of three cells


def test_without_the_option_nothing_is_added(ask: Ask, now_s: list[float]) -> None:
    fake = executor(now_s)
    assert run_study(ask(STUDY), Silent(), fake).decided is None
    assert len(fake.runs) == 3 * 3 + 3


def test_a_trial_that_fails_ends_it(ask: Ask, now_s: list[float]) -> None:
    fake = executor(now_s, failing=lambda run: run.seed > 2 and batch(run) == 128)
    decided, reporter = decide(ask(STUDY, deciding=Deciding(LONG_S)), fake)
    assert len(reporter.added) == 1
    assert decided.undecided == 1


def test_added_trials_are_kept_and_not_repeated(ask: Ask, now_s: list[float]) -> None:
    first, second = executor(now_s), executor(now_s)
    decide(ask(STUDY, deciding=Deciding(LONG_S)), first)
    decided, _ = decide(ask(STUDY, deciding=Deciding(LONG_S)), second)
    assert (decided.trials, second.runs) == (0, [])
    plan = plan_study(ask(STUDY))
    assert {p.state for p in plan.runs} == {"cached"}
    assert {p.run.seed for p in plan.runs if p.run.kind == "trial"} == set(seeds_of(first, 512))


def test_seeds_of_tuning_are_not_used(ask: Ask, now_s: list[float]) -> None:
    axes = "axes: {batch_size: [512, 64, 128], optimizer.lr: [0.1, 0.01]}"
    tuned = STUDY.replace("axes: {batch_size: [512, 64, 128]}", axes)
    tuned += "tune: {over: [optimizer.lr], seeds: [3, 4]}\n"
    fake = executor(now_s)
    decide(ask(tuned, deciding=Deciding(LONG_S)), fake)
    trained = {run.seed for run in fake.runs if run.kind == "trial"}
    assert trained >= {0, 1, 2, 5} and not trained & {3, 4}
