"""Atomic files: the old content or the new, whatever happens."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bench.errors import BenchError

UNFINISHED = ".part"


@contextmanager
def atomic_file(path: Path, error: type[BenchError], hint: str) -> Iterator[BinaryIO]:
    """Open a file for writing that replaces `path` once all of it is on the disk.

    Of two processes that write the same file, the last one to finish wins. If the block raises,
    the old file stays. Raises `error` with its hint where the file cannot be written; the block
    must not raise an OSError of its own.
    """
    # Not made by tempfile, whose files only their owner can read.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{UNFINISHED}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as os_error:
        reason = os_error.strerror or os_error
        raise error(f"cannot be written: {reason}", where=str(path), hint=hint) from None


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files of killed writers; none may be active in the folder."""
    for path in folder.glob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
