"""Digests of files."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from bench.errors import DataError


def digest(path: Path, algorithm: str) -> str:
    """Hash a file, as hexadecimal; raises OSError where it can't be read."""
    with path.open("rb") as file:
        # Not for cryptography: a Python built for FIPS may then still use MD5.
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


def check_digest(path: Path, algorithm: str, expected: str, hint: str) -> None:
    """Raise DataError unless the file is there and has this digest."""
    try:
        found = digest(path, algorithm)
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise DataError(what, where=str(path), hint=hint) from error
    if found != expected:
        what = f"is altered: its {algorithm.upper()} is {found}, not {expected}"
        raise DataError(what, where=str(path), hint=hint)


def digest_of_set(digests: Mapping[str, str]) -> str:
    """Return one digest of a data set's files, from the digest of each by its name."""
    lines = (f"{digests[name]}  {name}\n" for name in sorted(digests))
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]
