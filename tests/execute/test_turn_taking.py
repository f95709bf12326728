"""Turns that a gate grants to several `bench run`."""

from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Thread

from bench.execute.turn_taking import Permission, grant_turns


def take_turns(name: str, turns: int, connection: Connection, log: list[str]) -> None:
    permission = Permission(connection)
    for _ in range(turns):
        permission.wait()
        log += [f"{name} begins", f"{name} ends"]
    connection.close()


def logged(turns: dict[str, int], seed: str = "1") -> list[str]:
    """Return what the takers of so many turns each did, in the order in which they did it."""
    log: list[str] = []
    ends = {name: Pipe() for name in turns}
    threads = [
        Thread(target=take_turns, args=(name, count, ends[name][1], log))
        for name, count in turns.items()
    ]
    for thread in threads:
        thread.start()
    grant_turns({name: own for name, (own, _) in ends.items()}, seed)
    for thread in threads:
        thread.join()
    return log


def names(log: Sequence[str]) -> list[str]:
    return [line.split()[0] for line in log[::2]]


def test_one_works_at_a_time() -> None:
    log = logged({"base": 5, "twin": 5, "head": 5})
    assert len(log) == 30
    for begun, ended in zip(log[::2], log[1::2], strict=True):
        assert (begun.split()[1], ended) == ("begins", begun.replace("begins", "ends"))


def test_each_has_one_turn_in_a_round() -> None:
    order = names(logged({"base": 4, "twin": 4, "head": 4}))
    assert all(set(order[i : i + 3]) == {"base", "twin", "head"} for i in range(0, 12, 3))


def test_the_order_changes_from_round_to_round_and_depends_on_the_seed_alone() -> None:
    order = names(logged({"base": 8, "head": 8}))
    assert len({tuple(order[i : i + 2]) for i in range(0, 16, 2)}) == 2
    assert order == names(logged({"base": 8, "head": 8}))


def test_those_that_have_ended_leave_the_turns_to_the_others() -> None:
    order = names(logged({"base": 1, "head": 3}))
    assert sorted(order) == ["base", "head", "head", "head"]
    assert order[-2:] == ["head", "head"]


def test_without_a_gate_every_turn_is_permitted() -> None:
    log: list[str] = []
    for _ in range(2):
        Permission().wait()
        log.append("works")
    assert log == ["works", "works"]


def test_when_the_gate_is_gone_every_turn_is_permitted() -> None:
    own, others = Pipe()
    own.close()
    log: list[str] = []
    take_turns("base", 2, others, log)
    assert log == ["base begins", "base ends"] * 2
