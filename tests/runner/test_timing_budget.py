"""Without a number of sets, six are timed and then as many as fit `timing.budget`."""

import pandas as pd
import pytest
from runner_doubles import STUDY, Ask, FakeExecutor, Silent, batch, carry_out

from bench.planning import plan_study
from bench.runner import run_study
from bench.study.runs import Run

# Three members of 2 s each: six sets take 36 s, and a further one 6 s.
BUDGET = STUDY.replace("sets: 2", "budget: 60s").replace("seeds: [0, 1]", "seeds: [0]")
FITTING = 6 + 4


def numbers(fake: FakeExecutor) -> list[int]:
    return sorted({run.block for run in fake.runs if run.kind == "block"})


def test_six_sets_are_planned_and_as_many_as_fit_are_added(ask: Ask) -> None:
    fake, reporter = FakeExecutor(), Silent()
    assert max(p.run.block for p in plan_study(ask(BUDGET)).runs) == 5
    run_study(ask(BUDGET), reporter, fake)
    assert numbers(fake) == list(range(FITTING))
    assert [len(ids) for ids in reporter.added] == [4 * 3]


def test_added_sets_time_no_epochs_and_are_no_look(ask: Ask) -> None:
    fake = FakeExecutor()
    carry_out(ask(BUDGET), fake)
    sets = [run for run in fake.runs if run.kind == "block"]
    assert {run.block for run in sets if run.is_detailed} == set(range(6))
    assert {run.look for run in sets} == {0}


def test_a_second_run_has_nothing_to_do(ask: Ask) -> None:
    carry_out(ask(BUDGET), FakeExecutor())
    assert plan_study(ask(BUDGET)).uncached == ()
    again = FakeExecutor()
    carry_out(ask(BUDGET), again)
    assert again.runs == []


@pytest.mark.parametrize("ended", [4, 3 + 18, 3 + 18 + 1, 4 + 18 + 7])
def test_an_interrupted_session_resumes_to_the_same_number_of_sets(ask: Ask, ended: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        carry_out(ask(BUDGET), FakeExecutor(interrupt_after=ended))
    # The rest is slower, which changes nothing once six sets are there.
    has_six = ended >= 4 + 18
    rest = FakeExecutor(wall_s=lambda run: 20.0 if has_six else 2.0)
    finished = carry_out(ask(BUDGET), rest)
    members = pd.read_csv(finished.folder / "blocks.csv").groupby("block").size()
    assert (members == 3).sum() == FITTING
    assert plan_study(ask(BUDGET)).uncached == ()


def test_a_larger_budget_adds_sets_and_a_smaller_one_none(ask: Ask) -> None:
    carry_out(ask(BUDGET), FakeExecutor())
    larger = FakeExecutor()
    carry_out(ask(BUDGET.replace("60s", "72s")), larger)
    assert numbers(larger) == [10, 11]
    smaller = FakeExecutor()
    carry_out(ask(BUDGET.replace("60s", "40s")), smaller)
    assert smaller.runs == []


def test_a_new_cell_has_sets_beside_the_baseline(ask: Ask) -> None:
    carry_out(ask(BUDGET), FakeExecutor())
    more = FakeExecutor()
    carry_out(ask(BUDGET.replace("[64, 512]", "[64, 128, 512]")), more)
    timed = [run for run in more.runs if run.kind == "block"]
    assert {(batch(run), run.role) for run in timed} == {
        (128, "planned"), (512, "planned"), (512, "twin"),
    }  # fmt: skip
    assert {run.block for run in timed} >= set(range(10, 16))


def test_a_cell_that_fails_is_not_timed_again_in_the_same_session(ask: Ask) -> None:
    def fails(run: Run) -> bool:
        return run.kind == "block" and batch(run) == 64

    fake = FakeExecutor(failing=fails)
    assert carry_out(ask(BUDGET), fake).has_failed
    assert numbers(fake) == list(range(6))


def test_the_estimate_has_the_whole_budget(ask: Ask) -> None:
    plan = plan_study(ask(BUDGET.replace("60s", "1h")))
    others_s = sum(p.estimate_s for p in plan.runs if p.run.kind != "block")
    assert plan.estimate_s == pytest.approx(others_s + 3600)
