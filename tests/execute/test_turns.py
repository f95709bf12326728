"""Whose turn it is in a timing set: one member at a time, everyone as often, early as late."""

import itertools
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.execute.timing_set import (
    EQUAL_S,
    LONG_STEP_S,
    TURN_S,
    Command,
    Finish,
    Pass,
    SetUp,
    Turn,
    WarmUp,
    turns,
    turns_of,
)
from bench.study.spec import Timing

STARTED_S = 17.0
Given = list[tuple[int, Command]]
MEMBERS = st.integers(1, 12)
ROUNDS = st.integers(1, 9)


def timing(rounds: int = 4, epochs: int = 0) -> Timing:
    return Timing.model_validate({"sets": 1, "rounds": rounds, "epochs": epochs})


def play(
    members: int,
    timing: Timing,
    seed: str = "x 0",
    *,
    is_detailed: bool = False,
    ends: Callable[[int, Command, int], bool] = lambda member, command, number: False,
    step_s: Callable[[int], float] = lambda member: 0.01,
) -> Given:
    """List every turn that is given; `ends` has the member, the command and the turn's number."""
    given: Given = []
    schedule = turns(members, timing, seed, STARTED_S, is_detailed=is_detailed)
    turn: tuple[int, Command] | None = next(schedule)
    while turn is not None:
        member, command = turn
        given.append(turn)
        reply: float | None = step_s(member) if isinstance(command, WarmUp) else 0.0
        if ends(member, command, len(given)) or isinstance(command, Finish):
            reply = None
        try:
            turn = schedule.send(reply)
        except StopIteration:
            turn = None
    return given


def who(given: Given, kind: type[object]) -> list[int]:
    return [member for member, command in given if isinstance(command, kind)]


def rounds_of(given: Given, members: int) -> list[list[int]]:
    order = who(given, Turn)
    return [order[i : i + members] for i in range(0, len(order), members)]


@given(MEMBERS, ROUNDS, st.integers(0, 3))
def test_every_member_does_each_thing_as_often_as_the_study_says(
    members: int, rounds: int, epochs: int
) -> None:
    given = play(members, timing(rounds, epochs), is_detailed=True)
    for kind, times in ((SetUp, 1), (WarmUp, 1), (Turn, rounds), (Pass, epochs), (Finish, 1)):
        assert Counter(who(given, kind)) == Counter(list(range(members)) * times)


def test_stages_follow_each_other_for_all_members() -> None:
    kinds = [type(command) for _, command in play(3, timing(2, 1), is_detailed=True)]
    assert [kind for kind, _ in itertools.groupby(kinds)] == [SetUp, WarmUp, Turn, Pass, Finish]


def test_epochs_are_timed_in_detailed_sets_only() -> None:
    assert who(play(3, timing(epochs=2), is_detailed=False), Pass) == []
    assert Counter(who(play(3, timing(epochs=2), is_detailed=True), Pass)) == {0: 2, 1: 2, 2: 2}


def test_the_next_turn_is_given_only_once_the_last_was_answered() -> None:
    schedule = turns(2, timing(), "x 0", STARTED_S, is_detailed=False)
    first, _ = next(schedule)
    second, _ = schedule.send(0.0)
    assert {first, second} == {0, 1}


def test_a_set_up_states_when_the_set_began_and_with_how_many() -> None:
    commands = {c for _, c in play(3, timing()) if isinstance(c, SetUp)}
    assert commands == {SetUp(STARTED_S, 3)}


@given(MEMBERS, ROUNDS)
def test_in_each_round_every_member_has_one_turn(members: int, rounds: int) -> None:
    orders = rounds_of(play(members, timing(rounds)), members)
    assert len(orders) == rounds
    assert all(sorted(order) == list(range(members)) for order in orders)


@given(MEMBERS, ROUNDS)
def test_every_second_round_is_the_reverse_of_the_one_before(members: int, rounds: int) -> None:
    orders = rounds_of(play(members, timing(rounds)), members)
    for one, other in zip(orders[::2], orders[1::2], strict=False):
        assert other == one[::-1]


@given(MEMBERS)
def test_over_a_pair_of_rounds_every_member_comes_equally_early(members: int) -> None:
    orders = rounds_of(play(members, timing(rounds=6)), members)
    places = {m: sum(order.index(m) for order in orders) for m in range(members)}
    assert set(places.values()) == {3 * (members - 1)}


def test_orders_differ_between_pairs_and_sets_and_are_the_same_again() -> None:
    orders = rounds_of(play(6, timing(rounds=12)), 6)
    assert len({tuple(order) for order in orders[::2]}) > 1
    assert play(6, timing(), "x 0") == play(6, timing(), "x 0")
    assert who(play(6, timing(), "x 0"), Turn) != who(play(6, timing(), "x 1"), Turn)


@given(MEMBERS, st.data())
def test_a_member_that_ends_gets_no_more_turns_and_the_others_all_of_theirs(
    members: int, data: st.DataObject
) -> None:
    total = len(play(members, timing(3, 1), is_detailed=True))
    dying = data.draw(st.sets(st.integers(1, total)))
    ended: list[int] = []
    late: list[int] = []

    def ends(member: int, command: Command, number: int) -> bool:
        if member in ended:
            late.append(member)
        if number in dying:
            ended.append(member)
        return number in dying

    given = play(members, timing(3, 1), is_detailed=True, ends=ends)
    assert late == []
    for member in set(range(members)) - set(ended):
        assert Counter(type(c) for m, c in given if m == member) == {
            SetUp: 1, WarmUp: 1, Turn: 3, Pass: 1, Finish: 1,
        }  # fmt: skip


@pytest.mark.parametrize("kind", [SetUp, WarmUp, Turn, Pass])
def test_where_all_members_end_the_set_ends(kind: type[object]) -> None:
    given = play(
        3, timing(4, 1), is_detailed=True, ends=lambda member, command, _: isinstance(command, kind)
    )
    assert len(who(given, kind)) == 3
    assert who(given, Finish) == []


def test_the_longest_step_sets_the_length_of_a_turn_up_to_a_limit() -> None:
    assert timed_steps({0: 0.024, 1: 0.012, 2: 0.008}) == [1, 2, 3]
    assert timed_steps({0: 0.5, 1: EQUAL_S / 5, 2: EQUAL_S / 2}) == [1, 5, 2]


def test_short_steps_fill_a_turn_of_their_own() -> None:
    assert timed_steps({0: TURN_S / 10, 1: TURN_S / 4}) == [10, 4]


def test_a_first_step_counts_only_where_it_sweeps_the_caches_itself() -> None:
    found = turns_of({0: LONG_STEP_S, 1: LONG_STEP_S / 2})
    assert [turn.discarded for turn in found.values()] == [0, 1]


@given(st.lists(st.floats(1e-3, 0.2), min_size=1, max_size=12))
def test_turns_are_of_about_equal_time_unless_a_step_is_longer(seconds: list[float]) -> None:
    lengths = [n * s for n, s in zip(timed_steps(dict(enumerate(seconds))), seconds, strict=True)]
    turn_s = min(EQUAL_S, max(TURN_S, *seconds))
    for length, step_s in zip(lengths, seconds, strict=True):
        assert length == step_s if step_s > turn_s else turn_s / 1.5001 <= length <= 1.5001 * turn_s


def test_members_keep_their_turns_in_every_round() -> None:
    given = play(3, timing(4), step_s=lambda member: (0.024, 0.012, 0.008)[member])
    commands = {(m, c) for m, c in given if isinstance(c, Turn)}
    assert commands == {(0, Turn(1, 0)), (1, Turn(2, 1)), (2, Turn(3, 1))}


def timed_steps(step_s: dict[int, float]) -> list[int]:
    return [turn.steps for turn in turns_of(step_s).values()]
