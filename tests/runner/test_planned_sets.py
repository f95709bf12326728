"""Timing sets are cached, stale or new; what is missing is timed beside the baseline again."""

import json
from collections import Counter
from collections.abc import Iterable

import pandas as pd
import pytest
from runner_doubles import STUDY, Ask, FakeExecutor, batch, carry_out

from bench.errors import StudyError
from bench.planning import Plan, PlannedRun, Request, plan_study, planned_runs
from bench.study.runs import Run

BESIDE = [(64, "planned"), (512, "planned"), (512, "twin")]  # the base is 512


def sets(runs: Iterable[PlannedRun]) -> list[PlannedRun]:
    return [planned for planned in runs if planned.run.kind == "block"]


def parts(runs: Iterable[PlannedRun]) -> dict[int, list[tuple[int, str]]]:
    """List each set's parts, by batch size and role."""
    found: dict[int, list[tuple[int, str]]] = {}
    for planned in sorted(sets(runs), key=lambda t: (t.run.block, batch(t.run), t.run.role)):
        found.setdefault(planned.run.block, []).append((batch(planned.run), planned.run.role))
    return found


def states(drawn: Plan) -> Counter[tuple[str, str]]:
    return Counter((planned.state, planned.reason) for planned in sets(drawn.runs))


def second_set_of_64(run: Run) -> bool:
    return run.kind == "block" and run.block == 1 and batch(run) == 64


def test_without_results_every_set_is_new(ask: Ask) -> None:
    drawn = plan_study(ask())
    assert states(drawn) == {("new", ""): 6}
    assert parts(drawn.to_execute) == {0: BESIDE, 1: BESIDE}


def test_sets_stay_cached_when_more_are_requested(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    drawn = plan_study(ask(STUDY.replace("sets: 2", "sets: 3")))
    assert states(drawn) == {("cached", ""): 6, ("new", ""): 3}
    assert parts(drawn.uncached) == {2: BESIDE}


def test_a_new_cell_is_timed_with_the_baseline_and_the_plan_states_why(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    drawn = plan_study(ask(STUDY.replace("[64, 512]", "[64, 512, 128]")))
    beside = ("new", "other cells are timed beside it")
    assert states(drawn) == {("cached", ""): 6, ("new", ""): 2, beside: 4}
    assert {batch(planned.run) for planned in sets(drawn.uncached) if planned.reason} == {512}


def test_sets_stay_cached_when_fewer_are_requested(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    drawn = plan_study(ask(STUDY.replace("sets: 2", "sets: 1")))
    assert states(drawn) == {("cached", ""): 6}


def test_changed_code_makes_sets_stale_and_they_get_new_numbers(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out(ask(), FakeExecutor())
    monkeypatch.setattr(planned_runs, "code_parts", lambda targets, root: {"code": "another"})
    drawn = plan_study(ask())
    assert states(drawn) == {("stale", "code changed"): 6}
    assert parts(drawn.uncached) == {2: BESIDE, 3: BESIDE}


def test_sets_added_after_stale_ones_were_repeated_are_new(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out(ask(), FakeExecutor())
    monkeypatch.setattr(planned_runs, "code_parts", lambda targets, root: {"code": "another"})
    carry_out(ask(), FakeExecutor())
    drawn = plan_study(ask(STUDY.replace("sets: 2", "sets: 3")))
    assert states(drawn) == {("cached", ""): 6, ("new", ""): 3}
    assert list(parts(drawn.uncached)) == [4]


def test_stale_sets_are_in_no_table(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out(ask(), FakeExecutor())
    monkeypatch.setattr(planned_runs, "code_parts", lambda targets, root: {"code": "another"})
    finished = carry_out(ask(), FakeExecutor())
    for table in ("timings", "blocks"):
        assert set(pd.read_csv(finished.folder / f"{table}.csv").block) == {2, 3}


def test_a_failed_set_is_repeated_in_a_new_one_with_the_baseline(ask: Ask) -> None:
    assert carry_out(ask(), FakeExecutor(failing=second_set_of_64)).has_failed
    drawn = plan_study(ask())
    assert parts(drawn.uncached) == {2: BESIDE}
    assert {(batch(t.run), t.state, t.reason) for t in drawn.uncached} == {
        (64, "new", "failed before"),
        (512, "new", "other cells are timed beside it"),
    }
    assert not carry_out(ask(), FakeExecutor()).has_failed
    assert plan_study(ask()).uncached == ()


def test_a_failed_control_invalidates_its_set(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor(failing=lambda run: run.role == "twin" and run.block == 0))
    assert parts(plan_study(ask()).uncached) == {2: BESIDE}


def test_an_interrupted_set_is_repeated_completely_under_a_new_number(ask: Ask) -> None:
    with pytest.raises(KeyboardInterrupt):
        carry_out(ask(), FakeExecutor(interrupt_after=4 + 2 + 1))
    drawn = plan_study(ask())
    assert parts(drawn.uncached) == {1: BESIDE, 2: BESIDE}


def test_a_removed_cell_removes_its_sets_from_the_tables(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    finished = carry_out(ask(STUDY.replace("[64, 512]", "[512]")), FakeExecutor())
    assert set(pd.read_csv(finished.folder / "blocks.csv").batch_size) == {512}


def test_set_numbers_of_removed_cells_are_not_reused(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    carry_out(ask(STUDY.replace("[64, 512]", "[128, 256, 512]")), FakeExecutor())
    last = plan_study(ask(STUDY.replace("sets: 2", "sets: 4")))
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


def test_trials_that_became_stale_are_measured_again_with_their_sets(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables never hold the old rows beside the new ones, not even meanwhile."""
    carry_out(ask(), FakeExecutor())
    monkeypatch.setattr(planned_runs, "code_parts", lambda targets, root: {"code": "another"})
    trials = ask().results / "made_up" / "trials.csv"
    lengths: list[int] = []

    def look(seconds: float) -> None:
        lengths.append(len(pd.read_csv(trials)))

    carry_out(ask(), FakeExecutor(passed=look))
    assert lengths[:5] == [0, 1, 2, 3, 4]
    assert max(lengths) == 4


def test_what_was_timed_in_one_stretch_does_not_count(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    for path in (ask().results / "made_up" / "outcomes").glob("*-b[01]*.json"):
        outcome = json.loads(path.read_text(encoding="utf-8"))
        assert outcome["block"]["protocol"] == "lockstep"
        outcome["block"]["protocol"] = None
        path.write_text(json.dumps(outcome), encoding="utf-8")
    drawn = plan_study(ask())
    assert parts(drawn.runs) == parts(drawn.uncached) == {2: BESIDE, 3: BESIDE}
    assert {planned.state for planned in drawn.runs if planned.run.kind != "block"} == {"cached"}
    again = FakeExecutor()
    finished = carry_out(ask(), again)
    assert {run.block for run in again.runs} == {2, 3}
    assert set(pd.read_csv(finished.folder / "blocks.csv").block) == {2, 3}


def test_sets_after_the_sixth_are_cached_though_they_time_no_epochs(ask: Ask) -> None:
    eight = STUDY.replace("sets: 2", "sets: 8")
    first = FakeExecutor()
    carry_out(ask(eight), first)
    detailed = {run.block: run.is_detailed for run in first.runs if run.kind == "block"}
    assert detailed == {number: number < 6 for number in range(8)}
    assert plan_study(ask(eight)).uncached == ()
