"""Files of a data folder, whole or absent."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from bench import atomic_write
from bench.errors import DataError

HINT = "Free some space, or choose a folder that you may write to with --data-dir."


def atomic_file(path: Path) -> AbstractContextManager[BinaryIO]:
    """Open a file that takes its name once it is whole; raises DataError where it can't be."""
    return atomic_write.atomic_file(path, DataError, HINT)
