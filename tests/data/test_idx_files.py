from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.dataset_files import IdxFile, header, read
from bench.data.torchvision_sets import MNIST
from bench.errors import DataError

SHAPES = st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx") / "some-idx-ubyte"


def content_of(shape: tuple[int, ...]) -> bytes:
    return header(shape) + bytes(i % 251 for i in range(int(np.prod(shape))))


def assert_refused(path: Path, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(path, shape, "hint it so")
    assert caught.value.where == str(path)
    assert message in caught.value.what
    assert caught.value.hint == "hint it so"


def test_the_header_of_mnist_is_the_published_one() -> None:
    # http://yann.lecun.com/exdb/mnist/: 0x00000803, 60000, 28, 28; and 0x00000801, 10000
    assert header((60_000, 28, 28)).hex() == "000008030000ea600000001c0000001c"
    assert header((10_000,)).hex() == "0000080100002710"


@given(shape=SHAPES)
def test_what_was_written_is_read(path: Path, shape: tuple[int, ...]) -> None:
    path.write_bytes(content_of(shape))
    array = read(path, shape, "")
    assert array.dtype == np.uint8
    assert array.shape == shape
    assert header(shape) + array.tobytes() == content_of(shape)


@given(shape=SHAPES, data=st.data())
def test_a_file_cut_off_anywhere_is_refused(
    path: Path, shape: tuple[int, ...], data: st.DataObject
) -> None:
    content = content_of(shape)
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert_refused(path, shape, "truncated")


@given(shape=SHAPES, more=st.binary(min_size=1))
def test_a_file_with_more_in_it_is_refused(path: Path, shape: tuple[int, ...], more: bytes) -> None:
    path.write_bytes(content_of(shape) + more)
    assert_refused(path, shape, "too long")


@given(shape=SHAPES, data=st.data())
def test_an_altered_header_is_refused(
    path: Path, shape: tuple[int, ...], data: st.DataObject
) -> None:
    content = bytearray(content_of(shape))
    place = data.draw(st.integers(0, len(header(shape)) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert_refused(path, shape, "altered")


@given(shape=SHAPES, content=st.binary(max_size=300))
def test_any_other_bytes_are_refused_by_name(
    path: Path, shape: tuple[int, ...], content: bytes
) -> None:
    path.write_bytes(content)
    assert_refused(path, shape, "is ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert_refused(tmp_path / "absent", (1,), "not there")


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    assert_refused(tmp_path, (1,), "cannot be read")


def test_a_label_beyond_the_classes_is_refused_by_name(tmp_path: Path) -> None:
    files = (
        IdxFile("train-images", (2, 28, 28)),
        IdxFile("train-labels", (2,)),
        IdxFile("test-images", (1, 28, 28)),
        IdxFile("test-labels", (1,)),
    )
    source = replace(MNIST, files=files)
    folder = source.folder_in(tmp_path)
    folder.mkdir(parents=True)
    for file in files:
        (folder / file.name).write_bytes(header(file.shape) + bytes(int(np.prod(file.shape))))
    (folder / "test-labels").write_bytes(header((1,)) + b"\x0a")
    with pytest.raises(DataError, match="a label is 10") as caught:
        source.read(tmp_path)
    assert caught.value.where == str(folder / "test-labels")
