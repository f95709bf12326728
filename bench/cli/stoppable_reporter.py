"""Ctrl-C while a study runs: once ends after the current runs, twice ends at once."""

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self


class StoppableReporter(ABC):
    """Handles Ctrl-C and SIGTERM inside a `with` block.

    `running` maps the ids of runs in progress to their nodes; subclasses keep it up to date.
    """

    def __init__(self) -> None:
        self.running: dict[str, str] = {}
        self._handlers: Mapping[int, Any] = {}
        self._is_stopping = False

    def __enter__(self) -> Self:
        self._handlers = {
            number: signal.signal(number, self._handle)
            for number in (signal.SIGINT, signal.SIGTERM)
            if signal.getsignal(number) != signal.SIG_IGN  # as in a script's background job
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def is_stopping(self) -> bool:
        """Return whether no further run may start."""
        return self._is_stopping

    @abstractmethod
    def show_stopping(self) -> None:
        """Print what the first Ctrl-C does."""

    def _handle(self, number: int, _: object) -> None:
        if number != signal.SIGINT or self._is_stopping or not self.running:
            raise KeyboardInterrupt
        self._is_stopping = True
        self.show_stopping()
