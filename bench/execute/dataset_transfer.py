"""Transfer of data sets to nodes that may share neither network nor disk with this machine."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from filelock import FileLock

from bench.data.source import Source
from bench.errors import DataError

Content = Mapping[str, bytes]  # files by their path in the folder that is read


@dataclass(frozen=True)
class DatasetArchive:
    """A data set, identified by its digest; `fetch` returns its files wherever it is called."""

    digest: str
    fetch: Callable[[], Content]


def pack_dataset(source: Source, folder: Path) -> tuple[str, Content]:
    """Return the digest and the files of a data set. Raises DataError for an unreadable one."""
    source.read(folder)  # generates embedded data sets
    paths = source.paths(folder)
    content = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    digest = sha256()
    for path, data in content.items():
        digest.update(f"{path} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:16], content


def unpack_dataset(archive: DatasetArchive) -> Path:
    """Return a data folder with an archive's files, which are fetched once per machine.

    Raises DataError where it cannot be written.
    """
    try:
        root = _private_folder()
        folder = root / archive.digest
        if not folder.is_dir():
            with FileLock(root / f"{archive.digest}.lock"):
                if not folder.is_dir():
                    _write(archive.fetch(), folder)
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror or error}",
            where=str(error.filename or tempfile.gettempdir()),
            hint="A node keeps a study's data there: free some space, or set another TMPDIR.",
        ) from None
    return folder


def _private_folder() -> Path:
    """Return a folder for temporary files that only this user can write to."""
    root = Path(tempfile.gettempdir()) / f"bench-data-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    if root.stat().st_uid != os.getuid():
        raise PermissionError(0, "it belongs to another user", str(root))
    return root


def _write(content: Content, folder: Path) -> None:
    partial = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    for relative, data in content.items():
        path = partial / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    partial.rename(folder)
