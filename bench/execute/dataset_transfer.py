"""Data sets on their way to a node that may have neither a network nor a disk in common with us."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from filelock import FileLock

from bench.data import DATASETS
from bench.errors import DataError

Content = Mapping[str, bytes]  # files by their path in a data folder


@dataclass(frozen=True)
class DatasetArchive:
    """A data set, named after what is in it; `fetch` brings the content to where it is called."""

    digest: str
    fetch: Callable[[], Content]


def pack_dataset(name: str, data_dir: Path) -> tuple[str, Content]:
    """Read a data set's files and their digest. Raises DataError where one can't be read."""
    source = DATASETS[name]
    source.read(data_dir)  # makes what bench brings along
    paths = source.paths(data_dir)
    content = {path.relative_to(data_dir).as_posix(): path.read_bytes() for path in paths}
    whole = sha256()
    for path, data in content.items():
        whole.update(f"{path} {len(data)}\n".encode() + data)
    return whole.hexdigest()[:16], content


def unpack_dataset(archive: DatasetArchive) -> Path:
    """Give a data folder with an archive's content; fetched once, whoever asks on this machine.

    Raises DataError where it can't be written.
    """
    try:
        root = _own_folder()
        folder = root / archive.digest
        if not folder.is_dir():
            with FileLock(root / f"{archive.digest}.lock"):
                if not folder.is_dir():
                    _write(archive.fetch(), folder)
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror or error}",
            where=str(error.filename or tempfile.gettempdir()),
            hint="A node keeps a study's data there: free some space, or give it another TMPDIR.",
        ) from None
    return folder


def _own_folder() -> Path:
    """Give a folder for temporary files that nobody else can write to."""
    root = Path(tempfile.gettempdir()) / f"bench-data-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    if root.stat().st_uid != os.getuid():
        raise PermissionError(0, "it belongs to somebody else", str(root))
    return root


def _write(content: Content, folder: Path) -> None:
    """Write all files, and then give their folder its name."""
    partial = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    for relative, data in content.items():
        path = partial / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    partial.rename(folder)
