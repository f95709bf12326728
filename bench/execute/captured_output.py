"""What a user's network prints, in Python or below it: caught, so that it is in its run's log."""

import ctypes
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import BinaryIO

STDOUT = 1
LARGEST_BYTES = 1_000_000  # of what a run prints, its end


def new_file() -> Path:
    """Make an empty file for what a process will print."""
    descriptor, name = tempfile.mkstemp(prefix="bench-", suffix=".printed")
    os.close(descriptor)
    return Path(name)


@contextmanager
def caught(file: BinaryIO) -> Iterator[None]:
    """Send standard output to a file, also what is written below Python."""
    _flush()
    own = None
    with suppress(OSError):  # it is closed
        own = os.dup(STDOUT)
    os.dup2(file.fileno(), STDOUT)
    text = io.TextIOWrapper(
        os.fdopen(os.dup(file.fileno()), "wb", buffering=0),
        encoding="utf-8",
        errors="backslashreplace",
        write_through=True,
    )
    try:
        with text, redirect_stdout(text):
            yield
    finally:
        _flush()
        if own is None:
            os.close(STDOUT)
        else:
            os.dup2(own, STDOUT)
            os.close(own)


def printed(file: BinaryIO) -> str:
    """Read what was printed, or its end."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - LARGEST_BYTES))
    return file.read().decode("utf-8", "backslashreplace")


def taken(path: Path) -> str:
    """Read what was printed into a file, and remove it."""
    try:
        with path.open("rb") as file:
            return printed(file)
    except OSError:
        return ""
    finally:
        path.unlink(missing_ok=True)


def with_printed(problems: list[str], text: str) -> list[str]:
    """Add what networks printed to what is wrong with them."""
    return [*problems, f"printed meanwhile:\n{text.rstrip()}"] if problems and text else problems


def _flush() -> None:
    """Write what is held back in buffers, of C's standard output too."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).fflush(None)
