"""Capture what a user's network prints, in Python or below it."""

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
LARGEST_BYTES = 1_000_000  # kept of a run's output, its end


def new_output_file() -> Path:
    """Create an empty file for a process's output."""
    descriptor, name = tempfile.mkstemp(prefix="bench-", suffix=".printed")
    os.close(descriptor)
    return Path(name)


@contextmanager
def captured(file: BinaryIO) -> Iterator[None]:
    """Redirect standard output to a file, including what is written below Python."""
    _flush()
    original = None
    with suppress(OSError):  # it is closed
        original = os.dup(STDOUT)
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
        if original is None:
            os.close(STDOUT)
        else:
            os.dup2(original, STDOUT)
            os.close(original)


def read_output(file: BinaryIO) -> str:
    """Return the captured output, or its end."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - LARGEST_BYTES))
    return file.read().decode("utf-8", "backslashreplace")


def pop_output(path: Path) -> str:
    """Return the output captured in a file, and remove the file."""
    try:
        with path.open("rb") as file:
            return read_output(file)
    except OSError:
        return ""
    finally:
        path.unlink(missing_ok=True)


def with_output(problems: list[str], text: str) -> list[str]:
    """Return problems with what the networks printed meanwhile."""
    return [*problems, f"printed meanwhile:\n{text.rstrip()}"] if problems and text else problems


def _flush() -> None:
    """Flush the buffers of Python and of C's standard output."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).fflush(None)
