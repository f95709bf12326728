"""`--until-ci` adds timing blocks where an interval is wide, and verdicts don't look at them."""

from types import SimpleNamespace

import pandas as pd
import pytest
from runner_doubles import STUDY, Ask, FakeExecutor, Silent, batch, once

from bench import runner
from bench.analysis.summary import wide_cells
from bench.planning import Narrowing, Request, plan_study
from bench.runner import Narrowed, run_study
from bench.study.runs import Run

SIX = STUDY.replace("blocks: 2", "blocks: 6").replace("seeds: [0, 1]", "seeds: [0]")
THREE_CELLS = SIX.replace("[64, 512]", "[64, 128, 512]")
LONG_S = 1e6


class Clock:
    """The time that the fake runs took, and no other."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def passed(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    return clock


def noisy(run: Run) -> float:
    """Time 512 steadily, 128 to ± 10% and 64 to ± 20%; extra blocks fall in the middle."""
    spread = {64: 0.2, 128: 0.1, 512: 0.0}[batch(run)]
    return 0.05 if run.role == "extra" else 0.05 * (1 + spread * (-1) ** run.block)


def executor(clock: Clock, **how: object) -> FakeExecutor:
    return FakeExecutor(**{"step_s": noisy, "passed": clock.passed, **how})  # type: ignore[arg-type]


def narrow(request: Request, fake: FakeExecutor) -> tuple[Narrowed, Silent]:
    reporter = Silent()
    narrowed = run_study(request, reporter, fake).narrowed
    assert narrowed is not None
    return narrowed, reporter


def extra(fake: FakeExecutor) -> list[tuple[int, int]]:
    return [(run.block, batch(run)) for run in fake.runs if run.role == "extra"]


def test_extra_blocks_go_to_the_wide_cell_until_it_is_narrow(ask: Ask, clock: Clock) -> None:
    fake = executor(clock)
    narrowed, reporter = narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), fake)
    assert {size for _, size in extra(fake)} == {64}
    assert [block for block, _ in extra(fake)] == list(range(6, 6 + narrowed.blocks))
    assert narrowed == Narrowed(narrowed.blocks, narrowed.blocks, 2.0 * narrowed.blocks, 0)
    assert reporter.added == [[run_id] for run_id in fake.executed[-narrowed.blocks :]]
    summary = pd.read_csv(ask().results / "made_up" / "summary.csv")
    assert wide_cells(summary, 0.05) == []
    assert sorted(summary.step_n) == [6, 6 + narrowed.blocks]


def test_where_every_interval_is_narrow_nothing_is_added(ask: Ask, clock: Clock) -> None:
    fake = executor(clock)
    narrowed, reporter = narrow(ask(SIX, narrowing=Narrowing(0.5, LONG_S)), fake)
    assert (extra(fake), reporter.added) == ([], [])
    assert narrowed == Narrowed(0, 0, 0.0, 0)


def test_without_the_option_nothing_is_added(ask: Ask, clock: Clock) -> None:
    fake = executor(clock)
    assert run_study(ask(SIX), Silent(), fake).narrowed is None
    assert extra(fake) == []


def test_it_stops_when_the_time_is_spent(ask: Ask, clock: Clock) -> None:
    fake = executor(clock)
    narrowed, _ = narrow(ask(SIX, narrowing=Narrowing(0.0001, 5.0)), fake)
    assert extra(fake) == [(6, 64), (7, 64)]  # a third block of 2 s would be too much
    assert narrowed == Narrowed(2, 2, 4.0, 1)


def test_all_wide_cells_share_blocks(ask: Ask, clock: Clock) -> None:
    fake = executor(clock)
    narrow(ask(THREE_CELLS, narrowing=Narrowing(0.05, 4.5)), fake)
    assert sorted(extra(fake)) == [(6, 64), (6, 128)]


def test_of_cells_that_do_not_all_fit_the_widest_comes_first(ask: Ask, clock: Clock) -> None:
    fake = executor(clock)
    narrowed, _ = narrow(ask(THREE_CELLS, narrowing=Narrowing(0.05, 3.0)), fake)
    assert extra(fake) == [(6, 64)]
    assert narrowed == Narrowed(1, 1, 2.0, 2)


def test_cells_with_fewer_than_six_blocks_are_wide(ask: Ask, clock: Clock) -> None:
    fake = executor(clock, step_s=lambda run: 0.05)
    narrow(ask(SIX.replace("blocks: 6", "blocks: 4"), narrowing=Narrowing(0.01, LONG_S)), fake)
    assert sorted(extra(fake)) == [(4, 64), (4, 512), (5, 64), (5, 512)]


def test_a_run_that_fails_ends_it(ask: Ask, clock: Clock) -> None:
    fake = executor(clock, failing=lambda run: run.role == "extra" and run.block == 7)
    narrowed, _ = narrow(ask(SIX, narrowing=Narrowing(0.0001, LONG_S)), fake)
    assert extra(fake) == [(6, 64), (7, 64)]
    assert narrowed.still_wide == 1


def test_extra_blocks_are_marked_in_the_tables(ask: Ask, clock: Clock) -> None:
    narrowed, _ = narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), executor(clock))
    for table in ("blocks", "timings"):
        rows = pd.read_csv(ask().results / "made_up" / f"{table}.csv")
        added = rows[rows.role == "extra"]
        assert set(added.block) == set(range(6, 6 + narrowed.blocks))
        assert set(rows[rows.role == "planned"].block) == set(range(6))


def test_extra_blocks_change_no_comparison(ask: Ask, clock: Clock) -> None:
    folder = ask(SIX).results / "made_up"
    run_study(ask(SIX), Silent(), executor(clock))
    before = (folder / "comparisons.csv").read_bytes()
    narrowed, _ = narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), executor(clock))
    assert narrowed.blocks > 0
    assert (folder / "comparisons.csv").read_bytes() == before


def test_extra_blocks_are_kept_and_not_repeated(ask: Ask, clock: Clock) -> None:
    first, second = executor(clock), executor(clock)
    narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), first)
    narrowed, _ = narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), second)
    assert (narrowed.blocks, second.runs) == (0, [])
    cached = [t.run.role for t in plan_study(ask(SIX)).runs if t.state == "cached"]
    assert cached.count("extra") == len(extra(first))


def test_a_number_of_an_extra_block_that_failed_is_not_used_again(ask: Ask, clock: Clock) -> None:
    failing = executor(clock, failing=lambda run: run.role == "extra")
    narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), failing)
    assert extra(failing) == [(6, 64)]
    again = executor(clock)
    narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), again)
    assert extra(again)[0] == (7, 64)


def test_it_works_on_cached_results_whose_tables_were_lost(ask: Ask, clock: Clock) -> None:
    run_study(ask(SIX), Silent(), executor(clock))
    for path in (ask().results / "made_up").glob("*.csv"):
        path.unlink()
    fake = executor(clock)
    narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), fake)
    assert {run.role for run in fake.runs} == {"extra"}


def test_cells_of_an_earlier_study_are_not_narrowed(ask: Ask, clock: Clock) -> None:
    run_study(ask(THREE_CELLS), Silent(), executor(clock))
    fake = executor(clock)
    narrow(ask(THREE_CELLS.replace("64, ", ""), narrowing=Narrowing(0.05, 3.0)), fake)
    assert extra(fake) == [(6, 128)]


def test_a_lost_extra_block_is_repeated_as_another(ask: Ask, clock: Clock) -> None:
    fake = executor(clock, loses=once(lambda run: run.role == "extra"))
    narrow(ask(SIX, narrowing=Narrowing(0.05, LONG_S)), fake)
    lost, again, *_ = extra(fake)
    assert lost[1] == again[1] == 64
    assert lost[0] != again[0]
    blocks = pd.read_csv(ask().results / "made_up" / "blocks.csv")
    assert lost[0] not in set(blocks.block)
    assert again[0] in set(blocks.block)
