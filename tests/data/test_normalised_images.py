"""Normalised images are the same whether a process makes them or maps those of another one."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data import normalised_images as module
from bench.data.images import NORMALISATIONS, ImageSet
from bench.data.normalised_images import normalised_images
from bench.data.shared_images import SharedImages

needs_memfd = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory here")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks files as POSIX does")


@pytest.fixture
def images() -> ImageSet:
    """70 training and 13 test images of noise."""
    draw = np.random.RandomState(0)
    return ImageSet(
        name="noise",
        train_images=draw.randint(0, 256, (70, 1, 28, 28)).astype(np.uint8),
        train_labels=draw.randint(0, 10, 70).astype(np.uint8),
        test_images=draw.randint(0, 256, (13, 1, 28, 28)).astype(np.uint8),
        test_labels=draw.randint(0, 10, 13).astype(np.uint8),
        mean=(0.1307,),
        std=(0.3081,),
    )


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    path = tmp_path / "images"
    path.touch()
    return path


@pytest.fixture
def shared() -> Iterator[SharedImages]:
    with closing(SharedImages()) as files:
        yield files


def make_none(*arguments: object) -> None:
    raise AssertionError("these images are there already")


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_shared_images_equal_unshared_ones_to_the_bit(
    images: ImageSet, normalisation: str, empty: Path
) -> None:
    own = normalised_images(images, normalisation)
    first = normalised_images(images, normalisation, empty)
    second = normalised_images(images, normalisation, empty)
    for mapped in (first, second):
        for one, other in zip(own, mapped, strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            assert torch.equal(one, other)


def test_tensors_have_the_shapes_and_types_of_batches(images: ImageSet, empty: Path) -> None:
    train, train_labels, test, test_labels = normalised_images(images, "standard", empty)
    assert (train.shape, train.dtype) == ((70, 1, 28, 28), torch.float32)
    assert (test.shape, test.dtype) == ((13, 1, 28, 28), torch.float32)
    assert (train_labels.shape, train_labels.dtype) == ((70,), torch.int64)
    assert (test_labels.shape, test_labels.dtype) == ((13,), torch.int64)


@pytest.mark.parametrize("shape", [(3, 5, 5), (1, 3, 3), (2, 4, 6)], ids=str)
def test_images_of_any_shape_are_shared(shape: tuple[int, ...], empty: Path) -> None:
    draw = np.random.RandomState(0)
    pixels, labels = draw.rand(11, *shape).astype(np.float32), np.arange(11) % 3
    statistics = [0.5] * shape[0], [0.1] * shape[0]
    images = ImageSet("any", pixels[:7], labels[:7], pixels[7:], labels[7:], *statistics, 3)
    own = normalised_images(images, "standard")
    mapped = normalised_images(images, "standard", empty)
    assert own[0].shape == (7, *shape)
    assert all(torch.equal(one, other) for one, other in zip(own, mapped, strict=True))


def test_the_second_one_makes_nothing(
    images: ImageSet, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = normalised_images(images, "standard", empty)
    monkeypatch.setattr(module, "_normalised", make_none)
    second = normalised_images(images, "standard", empty)
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_who_changes_its_tensors_changes_no_others(images: ImageSet, empty: Path) -> None:
    first = normalised_images(images, "standard", empty)
    second = normalised_images(images, "standard", empty)
    content = empty.read_bytes()
    for tensor in first:
        tensor.fill_(7)
    own = normalised_images(images, "standard")
    third = normalised_images(images, "standard", empty)
    assert empty.read_bytes() == content
    for later in (second, third):
        assert all(torch.equal(one, other) for one, other in zip(own, later, strict=True))


@pytest.mark.parametrize("kept", [1, 3136, 100_000])
def test_what_a_process_wrote_in_part_is_written_again(
    images: ImageSet, empty: Path, kept: int
) -> None:
    normalised_images(images, "standard", empty)
    empty.write_bytes(empty.read_bytes()[:kept])
    own = normalised_images(images, "standard")
    mapped = normalised_images(images, "standard", empty)
    assert all(torch.equal(one, other) for one, other in zip(own, mapped, strict=True))


@needs_memfd
def test_each_data_set_and_normalisation_has_a_file_which_stays_the_same(
    shared: SharedImages,
) -> None:
    keys = [("mnist", "standard"), ("mnist", "unit"), ("digits", "unit")]
    paths = shared.paths(keys)
    assert list(paths) == keys
    assert len(set(paths.values())) == 3
    assert shared.paths(keys[1:]) == {key: paths[key] for key in keys[1:]}


@needs_memfd
def test_a_file_in_memory_is_written_once(
    images: ImageSet, shared: SharedImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shared.paths([("noise", "unit")])["noise", "unit"]
    own = normalised_images(images, "unit")
    normalised_images(images, "unit", path)
    monkeypatch.setattr(module, "_normalised", make_none)
    mapped = normalised_images(images, "unit", path)
    assert all(torch.equal(one, other) for one, other in zip(own, mapped, strict=True))


@needs_memfd
def test_mapped_images_outlive_their_closed_file(images: ImageSet) -> None:
    files = SharedImages()
    path = files.paths([("noise", "unit")])["noise", "unit"]
    mapped = normalised_images(images, "unit", path)
    files.close()
    assert not path.exists()
    own = normalised_images(images, "unit")
    assert all(torch.equal(one, other) for one, other in zip(own, mapped, strict=True))


def test_a_system_without_files_in_memory_shares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert SharedImages().paths([("mnist", "unit")]) == {}
