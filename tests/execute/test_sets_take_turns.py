"""Of a timing set's processes one works and the others are stopped; what ends one, ends only it."""

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.execute import EXECUTORS
from bench.execute.executor import Event, Executor, Printed, RunContext, Started
from bench.records import LOCKSTEP, Outcome
from bench.study.runs import Run

Network = Callable[..., dict[str, Any]]
SetOf = Callable[..., list[Run]]
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ENDS = {
    "raise": ("failed", "RuntimeError: one step too many"),
    "die": ("failed", "SIGKILL"),
    "diverge": ("diverged", "loss became nan"),
    "hang": ("timeout", "took longer than limits.trial_timeout, 4 s"),
}


@dataclass(frozen=True)
class Mark:
    """A training step of a process, and the states of other processes after it."""

    begun_s: float
    ended_s: float
    process: str
    others: dict[str, str]


@pytest.fixture(scope="module")
def local() -> Iterator[Executor]:
    with closing(EXECUTORS["local"]()) as executor:
        yield executor


@pytest.fixture
def network(networks: str, tmp_path: Path) -> Network:
    """Return a function that configures a network that leaves its marks in a folder."""

    def configure(name: str, **parameters: object) -> dict[str, Any]:
        return {"import": f"{networks}:{name}", "folder": str(tmp_path), **parameters}

    return configure


def carry_out(executor: Executor, runs: list[Run], data: Path) -> list[Outcome]:
    return list(executor.execute(runs, RunContext(data), lambda event: None))


def marks(folder: Path) -> list[Mark]:
    """Return the steps of all processes in the order in which they began."""
    found = [
        Mark(step["begun_s"], step["ended_s"], path.stem, step["others"])
        for path in folder.glob("*.marks")
        for step in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    ]
    return sorted(found, key=lambda mark: mark.begun_s)


def stretches(folder: Path) -> list[list[Mark]]:
    """Return the steps that a process took before another one took any."""
    return [list(steps) for _, steps in itertools.groupby(marks(folder), lambda m: m.process)]


def left_over(folder: Path) -> list[str]:
    """Return the processes that are still there."""
    return [path.stem for path in folder.glob("*.marks") if Path(f"/proc/{path.stem}").exists()]


@on_linux
def test_no_two_members_work_at_the_same_time(
    local: Executor, set_of: SetOf, network: Network, digits_dir: Path, tmp_path: Path
) -> None:
    cells = [{"model": network("Marks")}, {"model": network("Marks"), "batch_size": 512}]
    outcomes = carry_out(local, set_of(cells), digits_dir)
    assert [outcome.reason for outcome in outcomes] == [None] * 3
    steps = marks(tmp_path)
    assert len({step.process for step in steps}) == 3
    for one, next_ in itertools.pairwise(steps):
        assert one.ended_s <= next_.begun_s


@on_linux
def test_while_a_member_works_the_others_are_stopped(
    local: Executor, set_of: SetOf, network: Network, digits_dir: Path, tmp_path: Path
) -> None:
    cells = [{"model": network("Marks")}, {"model": network("Marks"), "batch_size": 512}]
    carry_out(local, set_of(cells), digits_dir)
    steps = marks(tmp_path)
    assert {len(step.others) for step in steps} == {0, 1, 2}
    assert {state for step in steps for state in step.others.values()} == {"T"}


@on_linux
def test_members_work_by_turns_and_not_one_after_the_other(
    local: Executor, set_of: SetOf, network: Network, digits_dir: Path, tmp_path: Path
) -> None:
    carry_out(local, set_of([{"model": network("Marks")}], timing={"rounds": 6}), digits_dir)
    turns = [steps[0].process for steps in stretches(tmp_path)]
    # Warm-up and six rounds of two: where one round ends the next may begin.
    assert 7 <= len(turns) <= 14
    assert len(set(turns)) == 2


def test_outcomes_have_a_row_for_each_turn_of_their_set(
    local: Executor, set_of: SetOf, network: Network, digits_dir: Path
) -> None:
    outcomes = carry_out(local, set_of([{"model": network("Marks")}]), digits_dir)
    assert sorted(o.block.role for o in outcomes if o.block) == ["planned", "twin"]
    for outcome in outcomes:
        assert outcome.block is not None
        assert outcome.block.protocol == LOCKSTEP
        turns = [row for row in outcome.timings if row.phase == "step" and not row.is_warmup]
        assert len(turns) == 2
        assert 0 < (turns[0].at_s or 0) < (turns[1].at_s or 0)
        assert (outcome.block.wall_s or 0) > 0


def test_turns_of_a_set_have_one_clock(
    local: Executor, set_of: SetOf, network: Network, digits_dir: Path
) -> None:
    outcomes = carry_out(local, set_of([{"model": network("Marks")}]), digits_dir)
    at_s = [
        [row.at_s for row in outcome.timings if row.phase == "step" and not row.is_warmup]
        for outcome in outcomes
    ]
    (a1, a2), (b1, b2) = at_s
    assert a1 is not None
    assert b1 is not None
    # The second round is the reverse of the first.
    assert sorted([(a1, "a"), (a2, "a"), (b1, "b"), (b2, "b")]) in (
        [(a1, "a"), (b1, "b"), (b2, "b"), (a2, "a")],
        [(b1, "b"), (a1, "a"), (a2, "a"), (b2, "b")],
    )


@on_linux
@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("step", [1, 9], ids=["in the warm-up", "in a turn"])
def test_what_ends_one_member_leaves_the_others(
    how: str,
    step: int,
    local: Executor,
    set_of: SetOf,
    network: Network,
    digits_dir: Path,
    tmp_path: Path,
) -> None:
    model = network("MisbehavesInOne", how=how, step=step)
    limit = {"trial_timeout": "4s"} if how == "hang" else {}
    runs = set_of([{"model": model}, {"model": model, "batch_size": 512}], limits=limit)
    outcomes = carry_out(local, runs, digits_dir)
    assert sorted(outcome.run_id for outcome in outcomes) == sorted(run.run_id for run in runs)
    # Where one hangs, the others wait for longer than their limit, of which waiting is no part.
    ended = {outcome.run_id: (outcome.status, outcome.reason) for outcome in outcomes}
    assert sum(status != "ok" for status, _ in ended.values()) == 1, ended
    (bad,) = [outcome for outcome in outcomes if outcome.status != "ok"]
    status, reason = ENDS[how]
    assert bad.status == status
    assert reason in (bad.reason or "")
    assert bad.block is not None
    assert bad.block.status == status
    for outcome in outcomes:
        turns = [row for row in outcome.timings if row.phase == "step" and not row.is_warmup]
        assert len(turns) == (0 if outcome is bad else 2)
    assert left_over(tmp_path) == []


@on_linux
def test_a_member_that_is_killed_while_it_waits_fails_and_the_other_finishes(
    local: Executor, set_of: SetOf, network: Network, digits_dir: Path, tmp_path: Path
) -> None:
    outcomes = carry_out(local, set_of([{"model": network("KillsASibling")}]), digits_dir)
    assert {outcome.status for outcome in outcomes} == {"ok", "failed"}
    (reason,) = [outcome.reason for outcome in outcomes if outcome.reason]
    assert "SIGKILL" in reason
    assert (tmp_path / "victim").is_file()
    assert left_over(tmp_path) == []


@on_linux
def test_nothing_is_left_when_the_iterator_is_closed_within_a_set(
    local: Executor, set_of: SetOf, network: Network, digits_dir: Path, tmp_path: Path
) -> None:
    model = network("MisbehavesInOne", how="raise")
    runs = set_of([{"model": model}], timing={"rounds": 10_000})
    outcomes = local.execute(runs, RunContext(digits_dir), lambda event: None)
    assert next(outcomes).status == "failed"
    assert len(left_over(tmp_path)) >= 1  # the other one has turns to come
    outcomes.close()
    assert left_over(tmp_path) == []


def test_a_set_whose_members_all_fail_is_followed_by_the_next_run(
    local: Executor, set_of: SetOf, runs_of: SetOf, networks: str, digits_dir: Path
) -> None:
    bad = set_of([{"model": {"import": f"{networks}:Raises"}}])
    good = runs_of({"model": {"import": f"{networks}:Plain"}})
    outcomes = carry_out(local, [*bad, *good], digits_dir)
    assert [outcome.status for outcome in outcomes] == ["failed", "failed", "ok"]


@pytest.mark.parametrize("name", ["local", "inline"])
def test_every_member_starts_before_any_ends(
    name: str, set_of: SetOf, network: Network, digits_dir: Path
) -> None:
    runs = set_of([{"model": network("Marks")}])
    events: list[Event | Outcome] = []
    with closing(EXECUTORS[name]()) as executor:
        for outcome in executor.execute(runs, RunContext(digits_dir), events.append):
            events.append(outcome)
    ids = [run.run_id for run in runs]
    assert [event.run_id for event in events if isinstance(event, Started)] == ids
    assert [type(event) for event in events] == [Started, Started, Outcome, Outcome]


@pytest.mark.parametrize("name", ["local", "inline"])
def test_a_set_is_not_started_when_stopping(
    name: str, set_of: SetOf, network: Network, digits_dir: Path, tmp_path: Path
) -> None:
    runs = set_of([{"model": network("Marks")}])
    with closing(EXECUTORS[name]()) as executor:
        outcomes = executor.execute(runs, RunContext(digits_dir), lambda e: None, lambda: True)
        assert list(outcomes) == []
    assert marks(tmp_path) == []


def test_inline_members_take_turns_in_one_process(
    set_of: SetOf, network: Network, digits_dir: Path, tmp_path: Path
) -> None:
    runs = set_of([{"model": network("Marks")}, {"model": network("Marks"), "batch_size": 512}])
    with closing(EXECUTORS["inline"]()) as inline:
        outcomes = carry_out(inline, runs, digits_dir)
    assert [outcome.reason for outcome in outcomes] == [None] * 3
    assert {step.process for step in marks(tmp_path)} == {str(os.getpid())}
    for outcome in outcomes:
        turns = [row for row in outcome.timings if row.phase == "step" and not row.is_warmup]
        assert len(turns) == 2
    first_ends = min(o.timings[-1].at_s or 0 for o in outcomes)
    last_begins = max(
        next(row.at_s or 0 for row in o.timings if not row.is_warmup) for o in outcomes
    )
    assert last_begins < first_ends


@pytest.mark.parametrize("how", ["raise", "diverge"])
def test_inline_what_ends_one_member_leaves_the_others(
    how: str, set_of: SetOf, network: Network, digits_dir: Path
) -> None:
    runs = set_of([{"model": network("MisbehavesInOne", how=how, step=9)}])
    with closing(EXECUTORS["inline"]()) as inline:
        outcomes = carry_out(inline, runs, digits_dir)
    assert sorted(outcome.status for outcome in outcomes) == sorted([ENDS[how][0], "ok"])


def test_inline_a_member_that_leaves_ends_neither_bench_nor_the_others(
    set_of: SetOf, networks: str, digits_dir: Path
) -> None:
    runs = set_of([{"model": {"import": f"{networks}:Exits"}}])
    with closing(EXECUTORS["inline"]()) as inline:
        outcomes = carry_out(inline, runs, digits_dir)
    assert {outcome.reason for outcome in outcomes} == {"SystemExit: exit code 3"}


@pytest.mark.parametrize("name", ["local", "inline"])
def test_what_a_member_prints_in_its_turns_is_reported(
    name: str, set_of: SetOf, networks: str, digits_dir: Path
) -> None:
    runs = set_of([{"model": {"import": f"{networks}:Prints"}}])
    events: list[Event] = []
    with closing(EXECUTORS[name]()) as executor:
        for _ in executor.execute(runs, RunContext(digits_dir), events.append):
            pass
    printed = [event for event in events if isinstance(event, Printed)]
    assert {event.run_id for event in printed} == {run.run_id for run in runs}
    assert all("a step" in event.text for event in printed)
