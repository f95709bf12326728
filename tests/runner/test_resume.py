"""What already exists is not run again, what changed is, and nothing finished is lost."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from runner_doubles import (
    ALL,
    BLOCKS,
    COSTS,
    STUDY,
    TRIALS,
    Ask,
    FakeExecutor,
    Silent,
    carry_out,
)

from bench.errors import StudyError
from bench.measure import resources
from bench.planning import PlannedRun, plan_study, planned_runs
from bench.records import Outcome
from bench.runner import run_study


def test_a_second_run_executes_nothing_and_leaves_the_tables_as_they_were(ask: Ask) -> None:
    first, second = FakeExecutor(), FakeExecutor()
    finished = carry_out(ask(), first)
    before = {p.name: p.read_bytes() for p in finished.folder.glob("*.csv")}
    again = carry_out(ask(), second)
    assert len(first.executed) == ALL
    assert second.executed == []
    assert {p.name: p.read_bytes() for p in again.folder.glob("*.csv")} == before
    assert again.statuses == finished.statuses == {"ok": ALL}


def test_a_run_that_measures_nothing_leaves_the_conditions_of_the_one_that_did(ask: Ask) -> None:
    finished = carry_out(ask(command="bench run first"), FakeExecutor())
    conditions = (finished.folder / "environment.json").read_bytes()
    carry_out(ask(command="bench run second"), FakeExecutor())
    assert (finished.folder / "environment.json").read_bytes() == conditions
    carry_out(ask(command="bench run third", fresh=True), FakeExecutor())
    assert b"bench run third" in (finished.folder / "environment.json").read_bytes()


def test_fresh_executes_everything_again(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    again = FakeExecutor()
    carry_out(ask(fresh=True), again)
    assert len(again.executed) == ALL


def test_a_new_value_of_an_axis_runs_only_the_new_cell(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    more = FakeExecutor()
    finished = carry_out(ask(STUDY.replace("[64, 512]", "[64, 128, 512]")), more)
    assert [run.kind for run in more.runs[:3]] == ["trial", "trial", "cost"]
    assert all("-b128-" in run_id for run_id in more.executed[:3])
    beside = [(run.block, run.cell.batch_size, run.role) for run in more.runs[3:]]
    assert sorted(beside) == [
        (block, size, role)
        for block in (2, 3)
        for size, role in ((128, "planned"), (512, "planned"), (512, "twin"))
    ]
    # The base, 512, is the baseline cell and comes first.
    assert pd.read_csv(finished.folder / "trials.csv").batch_size.tolist() == [512, 64, 128] * 2


def test_failures_are_run_again_and_the_plan_states_why(ask: Ask) -> None:
    executor = FakeExecutor()
    carry_out(ask(), executor)
    victim = executor.executed[1]
    failing = FakeExecutor(failing=lambda run: run.run_id == victim)
    assert carry_out(ask(fresh=True), failing).has_failed
    (planned,) = plan_study(ask()).uncached
    assert (planned.run.run_id, planned.state, planned.reason) == (victim, "new", "failed before")
    mending = FakeExecutor()
    assert not carry_out(ask(), mending).has_failed
    assert mending.executed == [victim]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (
            "code",
            lambda patch: patch.setattr(
                planned_runs, "code_parts", lambda targets, root: {"code": "another"}
            ),
        ),
        (
            "software",
            lambda patch: patch.setattr(
                resources,
                "this_machine",
                lambda real=resources.this_machine: replace(real(), software=(("torch", "0.1"),)),
            ),
        ),
        (
            "machine",
            lambda patch: patch.setattr(
                resources,
                "this_machine",
                lambda real=resources.this_machine: replace(real(), cpu="another CPU"),
            ),
        ),
    ],
)
def test_a_changed_condition_makes_a_run_stale_and_is_named(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, part: str, change: Callable[..., None]
) -> None:
    carry_out(ask(), FakeExecutor())
    change(monkeypatch)
    runs = plan_study(ask()).runs
    assert {(planned.state, planned.reason) for planned in runs} == {("stale", f"{part} changed")}


def test_another_number_of_rounds_makes_sets_stale_and_keeps_trials(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    runs = plan_study(ask(STUDY.replace("rounds: 2", "rounds: 3"))).runs
    states = {(planned.run.kind, planned.state, planned.reason) for planned in runs}
    assert states == {
        ("trial", "cached", ""),
        ("cost", "cached", ""),
        ("block", "stale", "configuration changed"),
    }


def test_an_interruption_keeps_finished_runs_in_the_tables(ask: Ask) -> None:
    with pytest.raises(KeyboardInterrupt):
        carry_out(ask(), FakeExecutor(interrupt_after=3))
    trials = pd.read_csv(ask().results / "made_up" / "trials.csv")
    summary = pd.read_csv(ask().results / "made_up" / "summary.csv")
    assert len(trials) == 3
    assert summary.seeds.tolist() == [2, 1]
    rest = FakeExecutor()
    carry_out(ask(), rest)
    assert len(rest.executed) == ALL - 3


def test_each_run_is_stored_before_the_reporter_is_notified(ask: Ask) -> None:
    request = ask()
    folder = request.results / "made_up"

    class Looking(Silent):
        def ended(self, planned: PlannedRun, outcome: Outcome) -> None:
            super().ended(planned, outcome)
            assert (folder / "outcomes" / f"{outcome.run_id}.json").is_file()
            table = pd.read_csv(folder / f"{planned.run.kind}s.csv")
            rows = table[table.cell_id == outcome.cell_id]
            match planned.run.kind:
                case "trial":
                    assert outcome.run_id in rows.trial_id.tolist()
                case "block":
                    assert (planned.run.block, planned.run.role) in set(
                        zip(rows.block, rows.role, strict=True)
                    )
                case "cost":
                    assert len(rows) == 1

    reporter = Looking()
    run_study(request, reporter, FakeExecutor())
    assert len(reporter.seen) == ALL == TRIALS + COSTS + BLOCKS


def test_cells_without_their_device_are_rows_and_no_failure(ask: Ask) -> None:
    executor = FakeExecutor()
    text = STUDY.replace("device: cpu", "device: 'cuda:7'")
    finished = carry_out(ask(text), executor)
    assert executor.executed == []
    assert not finished.has_failed
    trials = pd.read_csv(finished.folder / "trials.csv")
    assert trials.status.tolist() == ["skipped"] * 4
    assert trials.reason.notna().all()


def test_a_network_that_cannot_be_built_stops_the_study_before_its_first_run(ask: Ask) -> None:
    executor = FakeExecutor(problems=["model a:B: no such wire"])
    with pytest.raises(StudyError, match="no such wire"):
        carry_out(ask(), executor)
    assert executor.executed == []
    assert not (ask().results / "made_up").exists()


def test_the_estimate_learns_from_what_ran(ask: Ask) -> None:
    assert plan_study(ask()).is_rough
    carry_out(ask(), FakeExecutor())
    again = plan_study(ask(STUDY.replace("seeds: [0, 1]", "seeds: [0, 1, 2]")))
    assert not again.is_rough
    assert again.estimate_s == pytest.approx(2 * 2.0)  # a trial a cell


def test_planning_touches_nothing(ask: Ask, tmp_path: Path) -> None:
    plan_study(ask())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made_up.yaml"]
