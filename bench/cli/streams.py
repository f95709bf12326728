"""Standard output and error: plain where they cannot be Unicode, quiet where nobody reads on."""

import codecs
import io
import os
import sys
from collections.abc import Mapping

PLAIN: Mapping[str, str] = {
    "×": "x", "·": "-", "–": "-", "—": "-", "−": "-", "…": "...", "→": "->", "±": "+/-", "Δ": "d",
    "µ": "u", "≥": ">=", "≤": "<=", "∞": "inf",
}  # fmt: skip
HANDLER = "bench.plain"


class _Stream(io.TextIOWrapper):
    """A text stream that drops what nobody reads on, as in `bench list | head`.

    The command goes on to its end, since its exit code is an answer, too.
    """

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return super().write(text)
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        """Write what was held back."""
        try:
            super().flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def settle_streams() -> None:
    """Let every text be printed, whatever the locale; other streams than a process's own stay."""
    codecs.register_error(HANDLER, _plain)
    for name, own in (("stdout", sys.__stdout__), ("stderr", sys.__stderr__)):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before bench started
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
            setattr(sys, name, stream)
        if stream is own and isinstance(stream, io.TextIOWrapper):
            stream.flush()
            # Its own descriptor: a network that is executed here may print to the usual one.
            buffering = 0 if stream.write_through else -1
            settled = _Stream(
                os.fdopen(os.dup(stream.fileno()), "wb", buffering),
                encoding=stream.encoding,
                errors=HANDLER,
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, settled)


def finish_streams() -> None:
    """Write what was held back."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def is_unicode() -> bool:
    """Tell whether standard output takes every character."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in lost), error.end
