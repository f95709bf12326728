import sys
from pathlib import Path

import numpy as np
import pytest
from data_doubles import no_progress

from bench.data import digits_recipe
from bench.data.embedded_sets import DIGITS
from bench.data.source import Progress
from bench.errors import DataError

NAMES = [file.name for file in DIGITS.files]
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def made(digits_dir: Path) -> Arrays:
    images = DIGITS.read(digits_dir)
    return images.train_images, images.train_labels, images.test_images, images.test_labels


@pytest.fixture
def quick_make(made: Arrays, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make from memory instead of from scratch; the list grows with every make."""
    calls: list[str] = []

    def make(progress: Progress) -> Arrays:
        calls.append("made")
        progress("digits", 1, 1)
        return made

    monkeypatch.setattr(digits_recipe, "make", make)
    return calls


def test_reading_makes_the_set_once(quick_make: list[str], tmp_path: Path) -> None:
    assert DIGITS.missing(tmp_path) is None
    first, again = DIGITS.read(tmp_path), DIGITS.read(tmp_path)
    assert first.train_images.tobytes() == again.train_images.tobytes()
    assert quick_make == ["made"]
    assert sorted(path.name for path in (tmp_path / "digits" / "v1").iterdir()) == sorted(NAMES)


def test_fetching_reports_its_progress_and_leaves_a_right_set_alone(
    quick_make: list[str], tmp_path: Path
) -> None:
    reported: list[str] = []
    DIGITS.fetch(tmp_path, lambda what, done, total: reported.append(what))
    DIGITS.fetch(tmp_path, lambda what, done, total: reported.append(what))
    assert quick_make == ["made"]
    assert reported == ["digits"]
    DIGITS.verify(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_truncated_file_is_named_refused_and_made_again(
    own_digits: Path, quick_make: list[str], name: str
) -> None:
    path = own_digits / "digits" / "v1" / name
    path.write_bytes(path.read_bytes()[:-1])
    for refuse in (DIGITS.read, DIGITS.verify):
        with pytest.raises(DataError, match="truncated") as caught:
            refuse(own_digits)
        assert caught.value.where == str(path)
        assert "`bench data fetch digits" in caught.value.hint
        assert "needs no download" in caught.value.hint
    assert quick_make == []
    DIGITS.fetch(own_digits, no_progress)
    DIGITS.verify(own_digits)


@pytest.mark.parametrize("name", NAMES)
def test_an_altered_bit_is_found_and_named(own_digits: Path, name: str) -> None:
    path = own_digits / "digits" / "v1" / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="altered") as caught:
        DIGITS.verify(own_digits)
    assert caught.value.where == str(path)


def test_an_interrupted_making_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digits_recipe, "TRAIN_IMAGES", 600)

    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DIGITS.fetch(tmp_path, interrupt)
    assert list(tmp_path.rglob("*")) == []


def test_a_machine_that_computes_other_bytes_is_refused(
    made: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = np.array(made[0])
    other[59_999, ..., 14, 14] ^= 1
    monkeypatch.setattr(digits_recipe, "make", lambda progress: (other, *made[1:]))
    with pytest.raises(DataError, match="gave other bytes") as caught:
        DIGITS.read(tmp_path)
    assert "train-images-idx3-ubyte" in caught.value.what
    assert list(tmp_path.rglob("*")) == []


def test_a_folder_that_cannot_be_written_is_reported_with_the_option_that_helps(
    quick_make: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written") as caught:
        DIGITS.read(tmp_path / "file")
    assert "--data-dir" in caught.value.hint


def test_a_missing_scikit_learn_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataError, match="scikit-learn") as caught:
        DIGITS.read(tmp_path)
    assert "pip install --upgrade scikit-learn" in caught.value.hint
