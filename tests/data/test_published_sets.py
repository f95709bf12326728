from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.data.torchvision_sets import FASHION_MNIST, KMNIST, MNIST, TorchvisionSource
from bench.torchvision_import import import_torchvision

SETS = [MNIST, FASHION_MNIST, KMNIST]


@pytest.mark.parametrize("source", SETS, ids=lambda s: s.name)
def test_files_and_digests_are_those_that_torchvision_publishes(source: TorchvisionSource) -> None:
    published = getattr(import_torchvision().datasets, source.folder)
    assert [(f"{file.name}.gz", file.archive_md5) for file in source.files] == published.resources


@pytest.mark.parametrize("source", SETS, ids=lambda s: s.name)
def test_torchvision_finds_the_files_where_they_are_put(
    source: TorchvisionSource, tmp_path: Path
) -> None:
    published = getattr(import_torchvision().datasets, source.folder)
    empty = object.__new__(published)  # its constructor wants the files
    empty.root = tmp_path
    missing = source.missing(tmp_path)
    assert missing is not None
    assert missing.startswith(f"{empty.raw_folder} lacks ")


@pytest.mark.parametrize("source", SETS, ids=lambda s: s.name)
def test_every_mirror_is_https_and_ends_where_a_name_begins(source: TorchvisionSource) -> None:
    assert source.mirrors
    for mirror in source.mirrors:
        assert urlsplit(mirror).scheme == "https"
        assert mirror.endswith("/")


@pytest.mark.parametrize("source", SETS, ids=lambda s: s.name)
def test_every_https_mirror_of_torchvision_is_used(source: TorchvisionSource) -> None:
    published = getattr(import_torchvision().datasets, source.folder)
    secure = {mirror for mirror in published.mirrors if urlsplit(mirror).scheme == "https"}
    assert secure <= set(source.mirrors)


def test_giving_up_leaves_time_within_ten_seconds() -> None:
    assert all(0 < source.give_up_s < 10 for source in SETS)
