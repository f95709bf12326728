"""Timing blocks are cached, stale or new; what is missing is timed beside the baseline again."""

from collections import Counter
from collections.abc import Iterable

import pandas as pd
import pytest
from runner_doubles import STUDY, Ask, FakeExecutor, batch, carry_out

from bench import planning
from bench.errors import StudyError
from bench.planning import Plan, PlannedRun, Request, plan_study
from bench.study.runs import Run

BESIDE = [(64, "planned"), (512, "planned"), (512, "twin")]  # the base is 512


def blocks(runs: Iterable[PlannedRun]) -> list[PlannedRun]:
    return [planned for planned in runs if planned.run.kind == "block"]


def parts(runs: Iterable[PlannedRun]) -> dict[int, list[tuple[int, str]]]:
    """List each block's parts, by batch size and role."""
    found: dict[int, list[tuple[int, str]]] = {}
    for planned in sorted(blocks(runs), key=lambda t: (t.run.block, batch(t.run), t.run.role)):
        found.setdefault(planned.run.block, []).append((batch(planned.run), planned.run.role))
    return found


def states(drawn: Plan) -> Counter[tuple[str, str]]:
    return Counter((planned.state, planned.reason) for planned in blocks(drawn.runs))


def second_block_of_64(run: Run) -> bool:
    return run.kind == "block" and run.block == 1 and batch(run) == 64


def test_without_results_every_block_is_new(ask: Ask) -> None:
    drawn = plan_study(ask())
    assert states(drawn) == {("new", ""): 6}
    assert parts(drawn.to_execute) == {0: BESIDE, 1: BESIDE}


def test_blocks_stay_cached_when_more_are_requested(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    drawn = plan_study(ask(STUDY.replace("blocks: 2", "blocks: 3")))
    assert states(drawn) == {("cached", ""): 6, ("new", ""): 3}
    assert parts(drawn.uncached) == {2: BESIDE}


def test_a_new_cell_is_timed_with_the_baseline_and_the_plan_states_why(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    drawn = plan_study(ask(STUDY.replace("[64, 512]", "[64, 512, 128]")))
    beside = ("new", "other cells are timed beside it")
    assert states(drawn) == {("cached", ""): 6, ("new", ""): 2, beside: 4}
    assert {batch(planned.run) for planned in blocks(drawn.uncached) if planned.reason} == {512}


def test_blocks_stay_cached_when_fewer_are_requested(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    drawn = plan_study(ask(STUDY.replace("blocks: 2", "blocks: 1")))
    assert states(drawn) == {("cached", ""): 6}


def test_changed_code_makes_blocks_stale_and_they_get_new_numbers(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out(ask(), FakeExecutor())
    monkeypatch.setattr(planning, "code_parts", lambda targets: {"code": "another"})
    drawn = plan_study(ask())
    assert states(drawn) == {("stale", "code changed"): 6}
    assert parts(drawn.uncached) == {2: BESIDE, 3: BESIDE}


def test_blocks_added_after_stale_ones_were_repeated_are_new(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out(ask(), FakeExecutor())
    monkeypatch.setattr(planning, "code_parts", lambda targets: {"code": "another"})
    carry_out(ask(), FakeExecutor())
    drawn = plan_study(ask(STUDY.replace("blocks: 2", "blocks: 3")))
    assert states(drawn) == {("cached", ""): 6, ("new", ""): 3}
    assert list(parts(drawn.uncached)) == [4]


def test_stale_blocks_are_in_no_table(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out(ask(), FakeExecutor())
    monkeypatch.setattr(planning, "code_parts", lambda targets: {"code": "another"})
    finished = carry_out(ask(), FakeExecutor())
    for table in ("timings", "blocks"):
        assert set(pd.read_csv(finished.folder / f"{table}.csv").block) == {2, 3}


def test_a_failed_block_is_repeated_in_a_new_one_with_the_baseline(ask: Ask) -> None:
    assert carry_out(ask(), FakeExecutor(failing=second_block_of_64)).has_failed
    drawn = plan_study(ask())
    assert parts(drawn.uncached) == {2: BESIDE}
    assert {(batch(t.run), t.state, t.reason) for t in drawn.uncached} == {
        (64, "new", "failed before"),
        (512, "new", "other cells are timed beside it"),
    }
    assert not carry_out(ask(), FakeExecutor()).has_failed
    assert plan_study(ask()).uncached == ()


def test_a_failed_control_invalidates_its_block(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor(failing=lambda run: run.role == "twin" and run.block == 0))
    assert parts(plan_study(ask()).uncached) == {2: BESIDE}


def test_an_interrupted_block_is_repeated_completely_under_a_new_number(ask: Ask) -> None:
    with pytest.raises(KeyboardInterrupt):
        carry_out(ask(), FakeExecutor(interrupt_after=4 + 2 + 1))
    drawn = plan_study(ask())
    assert parts(drawn.uncached) == {1: BESIDE, 2: BESIDE}


def test_a_removed_cell_removes_its_blocks_from_the_tables(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    finished = carry_out(ask(STUDY.replace("[64, 512]", "[512]")), FakeExecutor())
    assert set(pd.read_csv(finished.folder / "blocks.csv").batch_size) == {512}


def test_block_numbers_of_removed_cells_are_not_reused(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    carry_out(ask(STUDY.replace("[64, 512]", "[128, 256, 512]")), FakeExecutor())
    last = plan_study(ask(STUDY.replace("blocks: 2", "blocks: 4")))
    assert min(parts(last.uncached)) == 4
    assert plan_study(ask(STUDY.replace("[64, 512]", "[512]"))).next_block == 4


def outcomes(request: Request, folder: str) -> set[str]:
    return {path.stem for path in (request.results / "made_up" / folder).glob("*.json")}


def test_fresh_sets_the_outcomes_aside_and_measures_all_again(ask: Ask) -> None:
    first, again = FakeExecutor(), FakeExecutor()
    carry_out(ask(), first)
    finished = carry_out(ask(fresh=True), again)
    assert again.executed == first.executed
    assert outcomes(ask(), "outcomes-1") == outcomes(ask(), "outcomes") == set(first.executed)
    assert len(pd.read_csv(finished.folder / "trials.csv")) == 4
    carry_out(ask(fresh=True), FakeExecutor())
    assert outcomes(ask(), "outcomes-2") == set(first.executed)


def test_fresh_sets_nothing_aside_where_a_network_cannot_be_built(ask: Ask) -> None:
    first = FakeExecutor()
    carry_out(ask(), first)
    with pytest.raises(StudyError):
        carry_out(ask(fresh=True), FakeExecutor(problems=["no such wire"]))
    assert outcomes(ask(), "outcomes") == set(first.executed)
    assert not (ask().results / "made_up" / "outcomes-1").exists()


def test_an_interrupted_fresh_run_keeps_nothing_of_the_old_in_its_tables(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    with pytest.raises(KeyboardInterrupt):
        carry_out(ask(fresh=True), FakeExecutor(interrupt_after=1))
    folder = ask().results / "made_up"
    assert len(pd.read_csv(folder / "trials.csv")) == 1
    assert pd.read_csv(folder / "timings.csv").empty


def test_trials_that_became_stale_are_measured_again_with_their_blocks(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables never hold the old rows beside the new ones, not even meanwhile."""
    carry_out(ask(), FakeExecutor())
    monkeypatch.setattr(planning, "code_parts", lambda targets: {"code": "another"})
    trials = ask().results / "made_up" / "trials.csv"
    lengths: list[int] = []

    def look(seconds: float) -> None:
        lengths.append(len(pd.read_csv(trials)))

    carry_out(ask(), FakeExecutor(passed=look))
    assert lengths[:5] == [0, 1, 2, 3, 4]
    assert max(lengths) == 4
