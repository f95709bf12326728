from pathlib import Path

import pytest

from bench.data.source import atomic_file
from bench.errors import DataError


def test_a_file_takes_its_name_when_all_of_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "name"
    with atomic_file(path) as file:
        file.write(b"first half, ")
        assert not path.exists()
        file.write(b"second half")
    assert path.read_bytes() == b"first half, second half"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, OSError])
def test_an_interrupted_file_leaves_nothing(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    with (
        pytest.raises((interruption, DataError)),
        atomic_file(tmp_path / "name") as file,
    ):
        file.write(b"first half")
        raise interruption
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_file_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "name"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_file(path) as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"


def test_two_writers_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "name"
    with atomic_file(path) as slow:
        slow.write(b"slow ")
        with atomic_file(path) as quick:
            quick.write(b"quick")
        assert path.read_bytes() == b"quick"
        slow.write(b"and complete")
    assert path.read_bytes() == b"slow and complete"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_can_be_read_by_whom_the_user_lets(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with atomic_file(tmp_path / "name"):
        pass
    assert (tmp_path / "name").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_that_cannot_be_written_is_reported_with_the_option_to_change_it(
    tmp_path: Path,
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with (
        pytest.raises(DataError, match="cannot be written") as caught,
        atomic_file(in_the_way / "name"),
    ):
        pass
    assert caught.value.where == str(in_the_way / "name")
    assert "--data-dir" in caught.value.hint
