"""`--until-ci` adds timing sets where an interval is wide, at few looks, which the tables state."""

from types import SimpleNamespace

import pandas as pd
import pytest
from runner_doubles import STUDY, Ask, FakeExecutor, Silent, batch, once

from bench.planning import Narrowing, Request, plan_study
from bench.runner import Narrowed, added_runs, run_study
from bench.stats.stopping import next_look
from bench.study.runs import Run

SIX = STUDY.replace("sets: 2", "sets: 6").replace("seeds: [0, 1]", "seeds: [0]")
THREE_CELLS = SIX.replace("[64, 512]", "[64, 128, 512]")
LONG_S = 1e6
SET_S = 3 * 2.0  # a cell, the baseline and its control


class Clock:
    """The time that the fake runs took, and no other."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def passed(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(added_runs, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    return clock


def noisy(run: Run) -> float:
    """Time 512 steadily, 128 to ± 10% and 64 to ± 20%; later sets fall in the middle."""
    spread = {64: 0.2, 128: 0.1, 512: 0.0}[batch(run)]
    return 0.05 if run.block >= 6 else 0.05 * (1 + spread * (-1) ** run.block)


def executor(clock: Clock, **how: object) -> FakeExecutor:
    return FakeExecutor(**{"step_s": noisy, "passed": clock.passed, **how})  # type: ignore[arg-type]


def narrow(request: Request, fake: FakeExecutor) -> tuple[Narrowed, Silent]:
    reporter = Silent()
    narrowed = run_study(request, reporter, fake).narrowed
    assert narrowed is not None
    return narrowed, reporter


def added(fake: FakeExecutor, planned: int = 6) -> dict[int, list[tuple[int, str]]]:
    """List the parts of each set beyond the planned ones."""
    sets: dict[int, list[tuple[int, str]]] = {}
    for run in fake.runs:
        if run.kind == "block" and run.block >= planned:
            sets.setdefault(run.block, []).append((batch(run), run.role))
    return {number: sorted(parts) for number, parts in sets.items()}


BESIDE_64 = [(64, "planned"), (512, "planned"), (512, "twin")]


def test_sets_of_the_wide_cell_and_the_baseline_are_added_until_it_is_narrow(
    ask: Ask, clock: Clock
) -> None:
    fake = executor(clock)
    narrowed, reporter = narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), fake)
    assert narrowed.sets > 0
    assert added(fake) == {6 + i: BESIDE_64 for i in range(narrowed.sets)}
    assert narrowed == Narrowed(narrowed.sets, SET_S * narrowed.sets, 0)
    assert sum(map(len, reporter.added)) == 3 * narrowed.sets


def test_looks_come_after_growing_numbers_of_sets_and_are_stored(ask: Ask, clock: Clock) -> None:
    fake = executor(clock)
    _, reporter = narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), fake)
    sizes = [len(ids) // 3 for ids in reporter.added]
    n = 6
    for size in sizes:
        assert n + size == next_look(n)
        n += size
    blocks = pd.read_csv(ask().results / "made_up" / "blocks.csv")
    looks = blocks.groupby("block")["look"].unique().map(list)
    expected = [1] * 6 + [look for look, size in enumerate(sizes, 2) for _ in range(size)]
    assert [look for (look,) in looks] == expected


def test_where_every_interval_is_narrow_nothing_is_added(ask: Ask, clock: Clock) -> None:
    fake = executor(clock)
    narrowed, reporter = narrow(ask(SIX, narrowing=Narrowing(0.5, LONG_S)), fake)
    assert (added(fake), reporter.added) == ({}, [])
    assert narrowed == Narrowed(0, 0.0, 0)


def test_without_the_option_nothing_is_added(ask: Ask, clock: Clock) -> None:
    fake = executor(clock)
    assert run_study(ask(SIX), Silent(), fake).narrowed is None
    assert added(fake) == {}


def test_it_stops_when_the_time_is_spent(ask: Ask, clock: Clock) -> None:
    fake = executor(clock)
    narrowed, _ = narrow(ask(SIX, narrowing=Narrowing(0.0001, 2.5 * SET_S)), fake)
    assert list(added(fake)) == [6, 7]  # a third set would be too much
    assert narrowed == Narrowed(2, 2 * SET_S, 1)


def test_a_budget_alone_is_spent_whatever_the_intervals_are(ask: Ask, clock: Clock) -> None:
    fake = executor(clock)
    narrowed, _ = narrow(ask(SIX, narrowing=Narrowing(0.0, 4.5 * SET_S)), fake)
    assert list(added(fake)) == [6, 7, 8, 9]
    assert narrowed.still_wide is None
    assert {run.look for run in fake.runs} == {0}


def test_all_wide_cells_share_sets(ask: Ask, clock: Clock) -> None:
    fake = executor(clock)
    narrow(ask(THREE_CELLS, narrowing=Narrowing(0.05, 1.5 * 4 * 2.0)), fake)
    assert added(fake) == {6: sorted([*BESIDE_64, (128, "planned")])}


def test_cells_with_fewer_than_six_sets_are_wide(ask: Ask, clock: Clock) -> None:
    fake = executor(clock, step_s=lambda run: 0.05)
    four = SIX.replace("sets: 6", "sets: 4")
    narrow(ask(four, narrowing=Narrowing(0.01, LONG_S)), fake)
    # At eight sets, the second look, there is no interval yet.
    assert added(fake, 4) == dict.fromkeys(range(4, next_look(next_look(4))), BESIDE_64)


def test_a_run_that_fails_ends_it(ask: Ask, clock: Clock) -> None:
    fake = executor(clock, failing=lambda run: run.block == 7 and batch(run) == 64)
    narrowed, _ = narrow(ask(SIX, narrowing=Narrowing(0.0001, LONG_S)), fake)
    assert max(added(fake)) + 1 == next_look(6)  # the look that it belongs to is finished
    assert narrowed.still_wide == 1


def test_added_sets_are_kept_and_not_repeated(ask: Ask, clock: Clock) -> None:
    first, second = executor(clock), executor(clock)
    narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), first)
    narrowed, _ = narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), second)
    assert (narrowed.sets, second.runs) == (0, [])
    cached = {p.run.block for p in plan_study(ask(SIX)).runs if p.state == "cached"}
    assert cached >= added(first).keys()


def test_a_number_of_an_added_set_that_failed_is_not_used_again(ask: Ask, clock: Clock) -> None:
    failing = executor(clock, failing=lambda run: run.block >= 6)
    narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), failing)
    again = executor(clock)
    narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), again)
    assert min(added(again)) == 1 + max(added(failing))


def test_it_works_on_cached_results_whose_tables_were_lost(ask: Ask, clock: Clock) -> None:
    run_study(ask(SIX), Silent(), executor(clock))
    for path in (ask().results / "made_up").glob("*.csv"):
        path.unlink()
    fake = executor(clock)
    narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), fake)
    assert {run.kind for run in fake.runs} == {"block"}
    assert min(added(fake)) == 6


def test_cells_of_an_earlier_study_are_not_narrowed(ask: Ask, clock: Clock) -> None:
    run_study(ask(THREE_CELLS), Silent(), executor(clock))
    fake = executor(clock)
    narrow(ask(THREE_CELLS.replace("64, ", ""), narrowing=Narrowing(0.05, 1.5 * SET_S)), fake)
    assert added(fake) == {6: [(128, "planned"), (512, "planned"), (512, "twin")]}


def test_a_lost_part_of_an_added_set_is_repeated_in_another(ask: Ask, clock: Clock) -> None:
    loses = once(lambda run: run.kind == "block" and run.block == 6)
    fake = executor(clock, loses=loses)
    narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), fake)
    blocks = pd.read_csv(ask().results / "made_up" / "blocks.csv")
    whole = blocks.groupby("block").size()
    assert whole[6] < 3
    assert (whole.drop(6) == 3).all()
