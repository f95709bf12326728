"""Data sets on their way to a node: complete, once, and nobody else's."""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.data.embedded_sets import DIGITS
from bench.errors import DataError
from bench.execute.dataset_transfer import Content, DatasetArchive, pack_dataset, unpack_dataset
from bench.study.dataset_choice import DatasetChoice


@pytest.fixture
def node_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node's folder for temporary files."""
    folder = tmp_path / "node"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_node_reads_the_same_images(digits_dir: Path, node_folder: Path) -> None:
    digest, content = pack_dataset(DIGITS, digits_dir)
    folder = unpack_dataset(DatasetArchive(digest, lambda: content))
    assert node_folder in folder.parents
    here, there = DIGITS.read(digits_dir), DIGITS.read(folder)
    assert np.array_equal(here.train_images, there.train_images)
    assert np.array_equal(here.test_labels, there.test_labels)
    DIGITS.verify(folder)


def test_a_node_reads_a_decoded_data_set_without_its_source(
    tmp_path: Path, node_folder: Path
) -> None:
    images, labels = np.arange(60 * 12).reshape(60, 3, 2, 2) % 256, np.arange(60) % 3
    np.savez(tmp_path / "own.npz", images=images, labels=labels)
    choice = DatasetChoice.model_validate({"name": "npz", "path": str(tmp_path / "own.npz")})
    source = choice.source()
    source.fetch(tmp_path / "data", lambda what, done, total: None)
    located = source.locate(tmp_path / "data").folder
    assert located is not None
    digest, content = pack_dataset(source, located)
    here = source.read(located)
    expected = np.array(here.train_images)
    (tmp_path / "own.npz").unlink()
    shutil.rmtree(tmp_path / "data")
    folder = unpack_dataset(DatasetArchive(digest, lambda: content))
    there = choice.source().read(folder)
    assert np.array_equal(there.train_images, expected)
    assert (there.mean, there.shape) == (here.mean, here.shape)


def test_a_node_fetches_once(node_folder: Path) -> None:
    fetched = Counter[str]()

    def fetch() -> Content:
        fetched["times"] += 1
        return {"set/a": b"1", "set/b": b"2"}

    folders = {unpack_dataset(DatasetArchive("abc", fetch)) for _ in range(3)}
    assert fetched["times"] == 1
    (folder,) = folders
    assert (folder / "set" / "b").read_bytes() == b"2"


def test_a_truncated_archive_is_rewritten(node_folder: Path) -> None:
    def cut_off() -> Content:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack_dataset(DatasetArchive("abc", cut_off))
    folder = unpack_dataset(DatasetArchive("abc", lambda: {"a": b"1"}))
    assert [path.name for path in folder.iterdir()] == ["a"]


def test_other_content_has_another_name(digits_dir: Path, tmp_path: Path) -> None:
    digest, content = pack_dataset(DIGITS, digits_dir)
    for path, data in content.items():
        copy = tmp_path / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert pack_dataset(DIGITS, tmp_path)[0] != digest


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(node_folder: Path) -> None:
    theirs = node_folder / f"bench-data-{os.getuid()}"
    theirs.mkdir()
    os.chown(theirs, 1234, 1234)
    with pytest.raises(DataError, match="belongs to another user"):
        unpack_dataset(DatasetArchive("abc", lambda: {"a": b"1"}))
