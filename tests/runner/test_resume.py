"""What is there already is not run again, what changed is, and nothing finished is lost."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import pytest

from bench import runner
from bench.errors import StudyError
from bench.execute.executor import Emit, Event, Started, Workplace
from bench.records import EpochRow, Outcome, TimingRow, TrialRow
from bench.runner import Agenda, Finished, Request, Task, draw_up, run_study
from bench.study.plan import PlannedCell, Run

STUDY = """
name: made_up
base: {dataset: digits, epochs: 1, device: cpu}
axes: {batch_size: [64, 512]}
seeds: [0, 1]
timing: {blocks: 2, rounds: 2}
"""


@dataclass
class FakeExecutor:
    """Gives an outcome for each run at once; may fail some, and be interrupted."""

    failing: frozenset[str] = frozenset()
    interrupt_after: int | None = None
    problems: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)

    def check(self, cells: Sequence[PlannedCell]) -> list[str]:
        return self.problems

    def execute(self, runs: Sequence[Run], workplace: Workplace, emit: Emit) -> Iterator[Outcome]:
        for run in runs:
            if len(self.executed) == self.interrupt_after:
                raise KeyboardInterrupt
            emit(Started(run.run_id))
            self.executed.append(run.run_id)
            yield self.outcome(run)

    def outcome(self, run: Run) -> Outcome:
        if run.run_id in self.failing:
            return run.ended("failed", "RuntimeError: made up", 1.0)
        done = run.ended("ok", None, 2.0)
        if run.kind == "block":
            rows = (
                TimingRow(block=run.block, phase=phase, round=r, seconds=0.01, is_warmup=False)
                for phase in ("data", "forward", "backward", "optimizer", "step")
                for r in range(2)
            )
            return replace(done, timings=tuple(rows))
        epoch = EpochRow(
            trial_id=run.run_id, seed=run.seed, epoch=1, train_loss=0.5, test_loss=0.4,
            test_accuracy=0.9, train_s=1.5, eval_s=0.2, images_per_s=40_000.0, elapsed_train_s=1.5,
        )  # fmt: skip
        trial = TrialRow(
            trial_id=run.run_id, seed=run.seed, status="ok", epochs_done=1, test_accuracy=0.9,
            test_loss=0.4, best_test_accuracy=0.9, train_s=1.5, eval_s=0.2, wall_s=2.0,
            images_per_s=40_000.0, parameters=10, flops_per_image=20.0,
        )  # fmt: skip
        return replace(done, trial=trial, epochs=(epoch,))


@dataclass
class Silent:
    """A screen that only remembers."""

    agenda: Agenda | None = None
    seen: list[str] = field(default_factory=list)

    def downloading(self, what: str, done: int, total: int) -> None:
        pass

    def planned(self, agenda: Agenda) -> None:
        self.agenda = agenda

    def happened(self, event: Event) -> None:
        pass

    def ended(self, task: Task, outcome: Outcome) -> None:
        self.seen.append(outcome.run_id)


Ask = Callable[..., Request]


@pytest.fixture
def ask(tmp_path: Path, digits_dir: Path) -> Ask:
    def request(text: str = STUDY, **options: object) -> Request:
        path = tmp_path / "made_up.yaml"
        path.write_text(text, encoding="utf-8")
        made = Request(path, results=tmp_path / "results", data_dir=digits_dir, report=False)
        return replace(made, **options)  # type: ignore[arg-type]

    return request


def carry_out(request: Request, executor: FakeExecutor) -> Finished:
    return run_study(request, Silent(), executor)


def test_a_second_run_executes_nothing_and_leaves_the_tables_as_they_were(ask: Ask) -> None:
    first, second = FakeExecutor(), FakeExecutor()
    finished = carry_out(ask(), first)
    before = {p.name: p.read_bytes() for p in finished.results.glob("*.csv")}
    again = carry_out(ask(), second)
    assert len(first.executed) == 2 * 2 + 2 * 2
    assert second.executed == []
    assert {p.name: p.read_bytes() for p in again.results.glob("*.csv")} == before
    assert again.statuses == finished.statuses == {"ok": 8}


def test_a_run_that_measures_nothing_leaves_the_conditions_of_the_one_that_did(ask: Ask) -> None:
    finished = carry_out(ask(command="bench run first"), FakeExecutor())
    conditions = (finished.results / "environment.json").read_bytes()
    carry_out(ask(command="bench run second"), FakeExecutor())
    assert (finished.results / "environment.json").read_bytes() == conditions
    carry_out(ask(command="bench run third", fresh=True), FakeExecutor())
    assert b"bench run third" in (finished.results / "environment.json").read_bytes()


def test_fresh_executes_everything_again(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    again = FakeExecutor()
    carry_out(ask(fresh=True), again)
    assert len(again.executed) == 8


def test_a_new_value_of_an_axis_runs_only_the_new_cell(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    more = FakeExecutor()
    finished = carry_out(ask(STUDY.replace("[64, 512]", "[64, 128, 512]")), more)
    assert len(more.executed) == 4
    assert all("-b128-" in run_id for run_id in more.executed)
    assert pd.read_csv(finished.results / "trials.csv").batch_size.tolist() == [64, 128, 512] * 2


def test_failures_are_run_again_and_say_so(ask: Ask) -> None:
    executor = FakeExecutor()
    carry_out(ask(), executor)
    victim = executor.executed[1]
    failing = FakeExecutor(failing=frozenset({victim}))
    assert carry_out(ask(fresh=True), failing).has_failed
    (task,) = draw_up(ask()).to_do
    assert (task.run.run_id, task.state, task.why) == (victim, "new", "failed before")
    mending = FakeExecutor()
    assert not carry_out(ask(), mending).has_failed
    assert mending.executed == [victim]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("code", lambda patch: patch.setattr(runner, "code_digest", lambda target: "another")),
        (
            "software",
            lambda patch: patch.setattr(
                runner,
                "this_machine",
                lambda real=runner.this_machine: replace(real(), software=(("torch", "0.1"),)),
            ),
        ),
        (
            "machine",
            lambda patch: patch.setattr(
                runner,
                "this_machine",
                lambda real=runner.this_machine: replace(real(), cpu="another CPU"),
            ),
        ),
    ],
)
def test_what_changed_around_a_run_makes_it_stale_and_is_named(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, part: str, change: Callable[..., None]
) -> None:
    carry_out(ask(), FakeExecutor())
    change(monkeypatch)
    tasks = draw_up(ask()).tasks
    assert {(task.state, task.why) for task in tasks} == {("stale", f"{part} changed")}


def test_another_timing_protocol_makes_blocks_stale_and_keeps_trials(ask: Ask) -> None:
    carry_out(ask(), FakeExecutor())
    tasks = draw_up(ask(STUDY.replace("rounds: 2", "rounds: 3"))).tasks
    states = {(task.run.kind, task.state, task.why) for task in tasks}
    assert states == {
        ("trial", "cached", ""),
        ("block", "stale", "configuration changed"),
    }


def test_an_interruption_keeps_what_was_finished_in_the_tables(ask: Ask) -> None:
    with pytest.raises(KeyboardInterrupt):
        carry_out(ask(), FakeExecutor(interrupt_after=3))
    trials = pd.read_csv(ask().results / "made_up" / "trials.csv")
    summary = pd.read_csv(ask().results / "made_up" / "summary.csv")
    assert len(trials) == 3
    assert summary.seeds.tolist() == [2, 1]
    rest = FakeExecutor()
    carry_out(ask(), rest)
    assert len(rest.executed) == 5


def test_each_run_is_stored_before_the_screen_hears_of_it(ask: Ask) -> None:
    request = ask()
    folder = request.results / "made_up"

    class Looking(Silent):
        def ended(self, task: Task, outcome: Outcome) -> None:
            super().ended(task, outcome)
            assert (folder / "outcomes" / f"{outcome.run_id}.json").is_file()
            if task.run.kind == "trial":
                assert outcome.run_id in pd.read_csv(folder / "trials.csv").trial_id.tolist()
            else:
                timings = pd.read_csv(folder / "timings.csv")
                assert (
                    (timings.cell_id == outcome.cell_id) & (timings.block == task.run.block)
                ).any()

    screen = Looking()
    run_study(request, screen, FakeExecutor())
    assert len(screen.seen) == 8


def test_cells_without_their_device_are_rows_and_no_failure(ask: Ask) -> None:
    executor = FakeExecutor()
    text = STUDY.replace("device: cpu", "device: 'cuda:7'")
    finished = carry_out(ask(text), executor)
    assert executor.executed == []
    assert not finished.has_failed
    trials = pd.read_csv(finished.results / "trials.csv")
    assert trials.status.tolist() == ["skipped"] * 4
    assert trials.reason.notna().all()


def test_a_network_that_cannot_be_built_stops_the_study_before_its_first_run(ask: Ask) -> None:
    executor = FakeExecutor(problems=["model a:B: no such wire"])
    with pytest.raises(StudyError, match="no such wire"):
        carry_out(ask(), executor)
    assert executor.executed == []
    assert not (ask().results / "made_up").exists()


def test_the_estimate_learns_from_what_ran(ask: Ask) -> None:
    assert draw_up(ask()).is_rough
    carry_out(ask(), FakeExecutor())
    again = draw_up(ask(STUDY.replace("seeds: [0, 1]", "seeds: [0, 1, 2]")))
    assert not again.is_rough
    assert again.estimate_s == pytest.approx(2 * 2.0)


def test_planning_touches_nothing(ask: Ask, tmp_path: Path) -> None:
    draw_up(ask())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made_up.yaml"]
