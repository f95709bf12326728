"""Modules that a test writes, on the import path and nowhere else."""

from collections.abc import Callable
from pathlib import Path

import pytest

Written = Callable[[str, str], str]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Write a file below a folder on the import path, and give its module's name.

    The top of that name is this test's own, since a source is read once in a process.
    """
    top = f"own_{tmp_path.name}"
    (tmp_path / top).mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    def write(path: str, source: str) -> str:
        file = tmp_path / top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
        parts = (top, *Path(path).with_suffix("").parts)
        return ".".join(part for part in parts if part != "__init__")

    return write
