"""A file is the old one or the new one, whatever happens while it is written."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.records import Outcome
from bench.store import Store, write_atomic


def fail(error: BaseException) -> Callable[..., None]:
    def failing(*arguments: object, **named: object) -> None:
        raise error

    return failing


FULL = OSError(errno.ENOSPC, "No space left on device")
STEPS = [(os, "fsync"), (Path, "replace"), (Path, "mkdir")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "table.csv"
    write_atomic(written, "old\n")
    return written


def test_a_file_is_written_with_the_folders_that_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "table.csv"
    write_atomic(path, "größer\r\n")
    assert path.read_bytes() == "größer\r\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["table.csv"]


def test_the_file_is_readable_by_others(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize(("where", "step"), STEPS)
def test_a_step_that_fails_leaves_the_old_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, where: object, step: str
) -> None:
    monkeypatch.setattr(where, step, fail(FULL))
    with pytest.raises(StoreError) as caught:
        write_atomic(path, "new\n")
    assert str(caught.value) == (
        f"{path}: cannot be written: No space left on device\n"
        "  Choose another folder with --out or --reports, or free some space."
    )
    assert path.read_text(encoding="utf-8") == "old\n"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("where", "step"), STEPS)
@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), MemoryError(), SystemExit(1)])
def test_an_interruption_leaves_the_old_file_and_propagates(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: object,
    step: str,
    interruption: BaseException,
) -> None:
    monkeypatch.setattr(where, step, fail(interruption))
    with pytest.raises(type(interruption)):
        write_atomic(path, "new\n")
    assert path.read_text(encoding="utf-8") == "old\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_first_file_that_fails_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", fail(FULL))
    with pytest.raises(StoreError):
        write_atomic(tmp_path / "table.csv", "new\n")
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_synced_before_it_is_renamed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened = []
    fsync, replace = os.fsync, Path.replace

    def tracked_fsync(descriptor: int) -> None:
        happened.append("fsync of a " + ("folder" if _is_folder(descriptor) else "file"))
        fsync(descriptor)

    def tracked_replace(source: Path, target: Path) -> Path:
        happened.append("rename")
        assert source.read_text(encoding="utf-8") == "new\n"
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", tracked_fsync)
    monkeypatch.setattr(Path, "replace", tracked_replace)
    write_atomic(path, "new\n")
    assert happened == ["fsync of a file", "rename", "fsync of a folder"]


def _is_folder(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def test_an_error_without_a_message_is_still_reported(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", fail(OSError("gone")))
    with pytest.raises(StoreError, match="cannot be written: gone"):
        write_atomic(path, "new\n")


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written: Not a directory"):
        write_atomic(tmp_path / "file" / "b" / "table.csv", "new\n")


def test_an_outcome_is_saved_atomically(
    store: Store, trial: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(trial(0))
    monkeypatch.setattr(Path, "replace", fail(FULL))
    with pytest.raises(StoreError):
        store.save(trial(1))
    assert store.load() == {"cell-s0": trial(0)}
    assert [path.name for path in (store.folder / "outcomes").iterdir()] == ["cell-s0.json"]


def test_a_left_over_temporary_file_is_no_outcome(
    store: Store, trial: Callable[..., Outcome]
) -> None:
    store.save(trial(0))
    (store.folder / "outcomes" / ".cell-s1.json.x7x7x7x7").write_text('{"schema_ver')
    assert store.load() == {"cell-s0": trial(0)}


def test_a_lone_surrogate_is_written_escaped(tmp_path: Path) -> None:
    write_atomic(tmp_path / "table.csv", "a\udcffb\n")
    assert (tmp_path / "table.csv").read_text(encoding="utf-8") == "a\\udcffb\n"
