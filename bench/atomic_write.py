"""Files that are the old one or the new one, whatever happens."""

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
    """Open a file to write that takes its name only once everything in it is on the disk.

    Two processes that write the same file at once don't disturb each other; the last one to
    finish wins. If the block raises, the old file stays and nothing else does. Raises `error`,
    with its hint, where the file can't be written; the block must not let an OSError of
    something else through.
    """
    # Made by open() and not by tempfile, whose files only their owner can read.
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
    except OSError as reason:
        raise error(
            f"cannot be written: {reason.strerror or reason}", where=str(path), hint=hint
        ) from None


def sweep(folder: Path) -> None:
    """Remove what writers that were killed left unfinished; none may be at work in the folder."""
    for path in folder.glob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Bring the folder's list of names to the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
