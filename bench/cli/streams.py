"""Standard output and error: ASCII where the locale has no Unicode, quiet on a closed pipe."""

import codecs
import io
import os
import sys
from collections.abc import Mapping

from bench.errors import BenchError

ASCII: Mapping[str, str] = {
    "×": "x", "·": "-", "–": "-", "—": "-", "−": "-", "…": "...", "→": "->", "±": "+/-", "Δ": "d",
    "µ": "u", "≥": ">=", "≤": "<=", "∞": "inf",
}  # fmt: skip
HANDLER = "bench.ascii"


class _Stream(io.TextIOWrapper):
    """A text stream that drops further text once it can't be written.

    After a closed pipe, as in `bench list | head`, the command goes on to its end, since its exit
    code counts too. Another error, such as a full disk, raises BenchError on standard output.
    """

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._drop(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        if self is sys.stdout and not isinstance(error, BrokenPipeError):
            reason = f"cannot write: {error.strerror}"
            hint = "Free some space, or redirect the output elsewhere."
            raise BenchError(reason, where="standard output", hint=hint) from error


def prepare_streams() -> None:
    """Make every text printable in every locale; streams that a caller replaced stay."""
    codecs.register_error(HANDLER, _to_ascii)
    for name, own in (("stdout", sys.__stdout__), ("stderr", sys.__stderr__)):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before bench started
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
            setattr(sys, name, stream)
        if stream is own and isinstance(stream, io.TextIOWrapper):
            stream.flush()
            # A descriptor of its own: a network that runs here may print to the usual one.
            binary = os.fdopen(os.dup(stream.fileno()), "wb", 0 if stream.write_through else -1)
            buffering = stream.line_buffering, stream.write_through
            setattr(sys, name, _Stream(binary, stream.encoding, HANDLER, None, *buffering))


def finish_streams() -> None:
    """Write what is buffered."""
    sys.stdout.flush()
    sys.stderr.flush()


def is_unicode() -> bool:
    """Return whether standard output can encode every character."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")


def _to_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(ASCII.get(character, "?") for character in text), error.end
