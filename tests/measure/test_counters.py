"""Counters are added turn by turn; what a thread waits for a core is read from the scheduler."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.counters import NOTHING, Jiffies, Proc, Reading, added

BEFORE = Reading(
    wall_s=10.0,
    own_s=5.0,
    children_s=7.0,
    involuntary_switches=3,
    jiffies=Jiffies(busy=100, steal=10, total=400),
    pressure_us=1_000,
)
AFTER = Reading(
    wall_s=12.0,
    own_s=6.5,
    children_s=7.25,
    involuntary_switches=8,
    jiffies=Jiffies(busy=160, steal=15, total=600),
    pressure_us=1_500,
)
TURN = Reading(
    wall_s=2.0,
    own_s=1.5,
    children_s=0.25,
    involuntary_switches=5,
    jiffies=Jiffies(busy=60, steal=5, total=200),
    pressure_us=500,
)


def test_a_turn_is_the_difference_of_its_readings() -> None:
    assert added(NOTHING, BEFORE, AFTER) == TURN


def test_turns_add_up() -> None:
    twice = added(added(NOTHING, BEFORE, AFTER), BEFORE, AFTER)
    assert twice == Reading(
        wall_s=4.0,
        own_s=3.0,
        children_s=0.5,
        involuntary_switches=10,
        jiffies=Jiffies(busy=120, steal=10, total=400),
        pressure_us=1_000,
    )


def test_an_empty_turn_adds_nothing() -> None:
    assert added(TURN, BEFORE, BEFORE) == TURN


@pytest.mark.parametrize("missing", ["total", "before", "after"])
@pytest.mark.parametrize("field", ["jiffies", "pressure_us"])
def test_a_counter_that_was_missing_once_is_missing(missing: str, field: str) -> None:
    readings = {"total": TURN, "before": BEFORE, "after": AFTER}
    readings[missing] = replace(readings[missing], **{field: None})
    sum_ = added(**readings)
    assert getattr(sum_, field) is None
    other = "pressure_us" if field == "jiffies" else "jiffies"
    assert getattr(sum_, other) is not None
    assert sum_.wall_s == 4.0
    assert getattr(added(sum_, BEFORE, AFTER), field) is None


def test_kernel_counters_that_run_backwards_add_nothing() -> None:
    earlier = replace(AFTER, jiffies=Jiffies(busy=90, steal=9, total=500), pressure_us=900)
    sum_ = added(TURN, BEFORE, earlier)
    assert sum_.jiffies == Jiffies(busy=60, steal=5, total=300)
    assert sum_.pressure_us == 500


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=20))
def test_only_what_happens_within_turns_is_counted(gaps_and_turns: list[tuple[int, int]]) -> None:
    total, now = NOTHING, 0
    for gap, turn in gaps_and_turns:
        before = replace(BEFORE, involuntary_switches=now + gap, pressure_us=now + gap)
        now += gap + turn
        after = replace(BEFORE, involuntary_switches=now, pressure_us=now)
        total = added(total, before, after)
    worked = sum(turn for _, turn in gaps_and_turns)
    assert (total.involuntary_switches, total.pressure_us) == (worked, worked)


def thread(root: Path, number: int, schedstat: str) -> None:
    folder = root / "self" / "task" / str(number)
    folder.mkdir(parents=True)
    (folder / "schedstat").write_text(schedstat, encoding="utf-8")


def test_waiting_is_the_sum_over_the_process_s_threads(tmp_path: Path) -> None:
    thread(tmp_path, 7, "9000000000 1500000000 12\n")
    thread(tmp_path, 8, "1 250000000 3\n")
    assert Proc(tmp_path).waited_s() == pytest.approx(1.75)


def test_a_process_that_never_waited_has_waited_for_no_time(tmp_path: Path) -> None:
    thread(tmp_path, 7, "9000000000 0 12\n")
    assert Proc(tmp_path).waited_s() == 0.0


def test_without_schedstat_waiting_is_unknown(tmp_path: Path) -> None:
    assert Proc(tmp_path).waited_s() is None


@pytest.mark.parametrize("text", ["", "\n", "1 2", "1 x 3", "1 -2 3", "a", "1 2 3 4", "é 2 3"])
def test_an_odd_schedstat_states_nothing_and_raises_nothing(tmp_path: Path, text: str) -> None:
    thread(tmp_path, 7, text)
    assert Proc(tmp_path).waited_s() is None


def test_an_odd_thread_does_not_hide_the_others(tmp_path: Path) -> None:
    thread(tmp_path, 7, "1 2000000000 3\n")
    thread(tmp_path, 8, "")  # it has just ended
    assert Proc(tmp_path).waited_s() == 2.0


@pytest.mark.skipif(not Path("/proc/self/schedstat").is_file(), reason="no schedstat here")
def test_on_this_machine_waiting_is_known() -> None:
    waited_s = Proc().waited_s()
    assert waited_s is not None
    assert waited_s >= 0
