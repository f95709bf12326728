"""Both loaders give the same batches in the same order for the same seed."""

from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from bench.data import LOADERS
from bench.data.images import ImageSet
from bench.data.loaders import Feed, Loader
from bench.registry import load

CPU = torch.device("cpu")


@pytest.fixture
def images() -> ImageSet:
    """700 training and 130 test images of noise."""
    draw = np.random.RandomState(0)
    return ImageSet(
        name="noise",
        train_images=draw.randint(0, 256, (700, 1, 28, 28)).astype(np.uint8),
        train_labels=draw.randint(0, 10, 700).astype(np.uint8),
        test_images=draw.randint(0, 256, (130, 1, 28, 28)).astype(np.uint8),
        test_labels=draw.randint(0, 10, 130).astype(np.uint8),
        mean=(0.1307,),
        std=(0.3081,),
    )


def build(name: str, images: ImageSet, seed: int = 5) -> Loader:
    made: Loader = load(LOADERS[name].target)(Feed(images, 64, seed, CPU))
    return made


def test_two_epochs_are_equal_to_the_bit(images: ImageSet) -> None:
    resident, pipeline = build("resident", images), build("dataloader", images)
    for _ in range(2):
        pairs = list(zip(resident.train(), pipeline.train(), strict=True))
        assert len(pairs) == resident.steps_per_epoch == 11
        for (ours, our_labels), (theirs, their_labels) in pairs:
            assert torch.equal(ours, theirs)
            assert torch.equal(our_labels, their_labels)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((3, 8, 6), np.uint8),
        ((2, 5, 5), np.uint8),
        ((1, 7, 4), np.float32),
        ((3, 4, 4), np.float32),
    ],
    ids=str,
)
def test_images_of_any_shape_are_equal_to_the_bit(
    shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    draw = np.random.RandomState(0)
    pixels = draw.randint(0, 256, (90, *shape)).astype(dtype)
    labels = draw.randint(0, 5, 90)
    statistics = [0.3, 0.4, 0.5][: shape[0]], [0.2, 0.25, 0.3][: shape[0]]
    images = ImageSet("any", pixels[:70], labels[:70], pixels[70:], labels[70:], *statistics, 5)
    resident, pipeline = build("resident", images), build("dataloader", images)
    for ours, theirs in zip(
        (*resident.train(), *resident.test()), (*pipeline.train(), *pipeline.test()), strict=True
    ):
        assert ours[0].shape[1:] == shape
        assert torch.equal(ours[0], theirs[0])
        assert torch.equal(ours[1], theirs[1])


def test_each_channel_is_normalised_by_its_own_statistics() -> None:
    draw = np.random.RandomState(0)
    pixels = draw.randint(0, 256, (50, 3, 4, 4)).astype(np.uint8)
    pixels[:, 1] //= 4
    mean, std = (f(pixels / 255, axis=(0, 2, 3)).tolist() for f in (np.mean, np.std))
    labels = np.zeros(50, np.int64)
    images = ImageSet("any", pixels, labels, pixels, labels, mean, std, 1)
    batch, _ = next(build("resident", images).test())
    assert batch.mean(dim=(0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert batch.std(dim=(0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], abs=1e-5)


def test_the_test_sets_are_equal_to_the_bit(images: ImageSet) -> None:
    for ours, theirs in zip(
        build("resident", images).test(), build("dataloader", images).test(), strict=True
    ):
        assert torch.equal(ours[0], theirs[0])
        assert torch.equal(ours[1], theirs[1])


def test_the_order_is_torchs_own_shuffle_of_the_seed(images: ImageSet) -> None:
    ours = [label for _, labels in build("resident", images).train() for label in labels.tolist()]
    order = torch.randperm(700, generator=torch.Generator().manual_seed(5))
    assert ours == torch.from_numpy(images.train_labels).long()[order].tolist()


@pytest.mark.parametrize("name", LOADERS)
def test_every_image_comes_once_an_epoch_and_every_epoch_is_shuffled_anew(
    name: str, images: ImageSet
) -> None:
    loader = build(name, images)
    epochs = [torch.cat([batch for batch, _ in loader.train()]) for _ in range(2)]
    sums = [sorted(epoch.sum(dim=(1, 2, 3)).tolist()) for epoch in epochs]
    assert len(sums[0]) == 700
    assert sums[0] == sums[1]
    assert not torch.equal(epochs[0], epochs[1])


@pytest.mark.parametrize("name", LOADERS)
def test_drawing_random_numbers_elsewhere_does_not_move_the_order(
    name: str, images: ImageSet
) -> None:
    first = build(name, images)
    expected = [labels for _, labels in islice(first.train(), 3)]
    torch.rand(17)
    second = build(name, images)
    torch.rand(3)
    for labels, (_, others) in zip(expected, second.train(), strict=False):
        assert torch.equal(labels, others)


@pytest.mark.parametrize("name", LOADERS)
def test_pixels_are_normalised_and_labels_are_complete(name: str, images: ImageSet) -> None:
    batch, labels = next(build(name, images).test())
    assert batch.shape == (64, 1, 28, 28)
    assert batch.dtype == torch.float32
    assert labels.dtype == torch.int64
    expected = (images.test_images[:64] / 255 - 0.1307) / 0.3081
    assert batch.numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", LOADERS)
def test_loading_starts_with_the_first_batch_so_that_it_is_timed(
    name: str, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    split = torch.split
    monkeypatch.setattr(torch, "split", lambda *args: started.append("split") or split(*args))
    monkeypatch.setattr(DataLoader, "__iter__", lambda self: iter(started.append("load") or ()))
    loader = load(LOADERS[name].target)(Feed(images, 5, 1, torch.device("cpu")))
    for batches in (loader.train, loader.test):
        iterator = batches()
        assert started == []
        next(iterator, None)
        assert started
        started.clear()
