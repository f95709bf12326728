"""In a turn of a timing set, the threads of the step have a core each; before and after, all."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.execute.executor import RunContext
from bench.execute.set_member import SetMember
from bench.execute.timing_set import SetUp, Turn, WarmUp
from bench.measure.counters import Proc
from bench.measure.phases import StepTimer
from bench.study.runs import Run

CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
pytestmark = pytest.mark.skipif(len(CORES) < 2, reason="needs two cores of a Linux machine")


def bound_in_a_turn(cell: dict[str, Any], set_of: Callable[..., list[Run]], data: Path,
                    monkeypatch: pytest.MonkeyPatch) -> list[int]:  # fmt: skip
    """Return the cores of the threads that have a single one while a turn is taken."""
    seen: list[set[int]] = []

    def take_turn(timer: StepTimer, steps: int, discarded: int) -> None:
        seen.extend(os.sched_getaffinity(tid) for tid in Proc().ran_ns())

    monkeypatch.setattr(StepTimer, "take_turn", take_turn)
    member = SetMember(set_of([cell])[0], RunContext(data))
    for command in (SetUp(0.0, 1), WarmUp(), Turn(1, 0)):
        assert isinstance(member.obey(command), float)
    assert os.sched_getaffinity(0) == CORES
    return [core for cores in seen if len(cores) == 1 for core in cores]


def test_two_threads_have_two_cores(
    set_of: Callable[..., list[Run]], digits_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = {"model": "lenet5", "batch_size": 64, "threads": 2}
    bound = bound_in_a_turn(cell, set_of, digits_dir, monkeypatch)
    assert len(bound) == len(set(bound)) == 2


def test_one_thread_may_use_every_core(
    set_of: Callable[..., list[Run]], digits_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = {"model": "lenet5", "batch_size": 64, "threads": 1}
    assert bound_in_a_turn(cell, set_of, digits_dir, monkeypatch) == []


def test_the_workers_of_a_loader_do_not_inherit_one_core(
    set_of: Callable[..., list[Run]], digits_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = {"name": "dataloader", "workers": 1}
    cell = {"model": "lenet5", "batch_size": 64, "threads": 2, "loader": loader}
    assert bound_in_a_turn(cell, set_of, digits_dir, monkeypatch) == []
