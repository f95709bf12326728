"""Files in memory that keep normalised images for all processes of a study.

Normalising 60,000 images takes each process a few tenths of a second; mapping those of another
one takes a few milliseconds. The system frees a file when the last process that has it ends.
"""

import os
from collections.abc import Iterable
from pathlib import Path

Key = tuple[str, str]  # data set and normalisation


class SharedImages:
    """The files of one executor, each empty until a process writes it."""

    def __init__(self) -> None:
        self._descriptors: dict[Key, int] = {}

    def paths(self, keys: Iterable[Key]) -> dict[Key, Path]:
        """Return the files for data sets and normalisations; none where the system has none."""
        if not hasattr(os, "memfd_create"):
            return {}
        return {key: Path(f"/proc/{os.getpid()}/fd/{self._descriptor(key)}") for key in keys}

    def _descriptor(self, key: Key) -> int:
        if key not in self._descriptors:
            self._descriptors[key] = os.memfd_create("-".join(key))
        return self._descriptors[key]

    def close(self) -> None:
        """Close the files."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])
