"""Ctrl-C: once lets what runs end, twice ends at once."""

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

ENDS = (signal.SIGINT, signal.SIGTERM)


class Stoppable(ABC):
    """Listens to Ctrl-C and SIGTERM while it is entered.

    `going` are the runs that go on, and their nodes, by ids; whoever shows them keeps it.
    """

    def __init__(self) -> None:
        self.going: dict[str, str] = {}
        self._handlers: Mapping[int, Any] = {}
        self._is_stopping = False

    def __enter__(self) -> Self:
        self._handlers = {
            number: signal.signal(number, self._asked_to_end)
            for number in ENDS
            if signal.getsignal(number) != signal.SIG_IGN  # as in a job that a script started
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def is_stopping(self) -> bool:
        """Tell whether no further run shall begin."""
        return self._is_stopping

    @abstractmethod
    def tell_stopping(self) -> None:
        """Say what the first Ctrl-C does."""

    def _asked_to_end(self, number: int, _: object) -> None:
        """Let the current run end at the first Ctrl-C; end at once at the second, or SIGTERM."""
        if number != signal.SIGINT or self._is_stopping or not self.going:
            raise KeyboardInterrupt
        self._is_stopping = True
        self.tell_stopping()
