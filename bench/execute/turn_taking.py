"""Turns between several `bench run` that time the same study, granted by `bench gate`.

Each of them asks before every turn of its timing sets, and works only until it asks again.
"""

from collections.abc import Mapping
from multiprocessing.connection import Connection
from random import Random
from typing import TypeVar

Name = TypeVar("Name", bound=str)


class Permission:
    """Asks for each turn; without a connection every turn is permitted."""

    def __init__(self, connection: Connection | None = None) -> None:
        self._connection = connection

    def wait(self) -> None:
        """Give the last turn back and wait for the next one."""
        if self._connection is None:
            return
        try:
            self._connection.send_bytes(b"turn")
            self._connection.recv_bytes()
        except (EOFError, OSError):  # the gate is gone
            self._connection = None


def grant_turns(connections: Mapping[Name, Connection], seed: str) -> None:
    """Grant turns to all that ask, round by round in random order, until all have ended.

    One has the turn from its grant until it asks again or ends, and the first turn is granted when
    each has asked or ended: so exactly one works at a time.
    """
    rng = Random(seed)
    asking = [name for name, connection in connections.items() if _asks(connection)]
    while asking:
        for name in rng.sample(asking, len(asking)):
            connections[name].send_bytes(b"go")
            if not _asks(connections[name]):
                asking.remove(name)


def _asks(connection: Connection) -> bool:
    """Wait until the other side asks for a turn, or ends."""
    try:
        connection.recv_bytes()
    except (EOFError, OSError):
        return False
    return True
