"""Random changes of a batch, whole and on its device."""

from typing import Any

import pytest
import torch

from bench.data import AUGMENTATIONS
from bench.registry import load

BLACK = -0.5
GREY_BLACK = torch.full((1, 1, 1), BLACK)
MIXING = ("mixup", "cutmix")


def dotted(count: int = 64) -> torch.Tensor:
    """Make black images with one white pixel in the middle: (N, 1, 28, 28)."""
    images = torch.full((count, 1, 28, 28), BLACK)
    images[:, :, 14, 14] = 1.0
    return images


def changed(name: str, seed: int = 0, **parameters: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    images: torch.Tensor
    augment = load(AUGMENTATIONS[name].target)
    if name in MIXING:
        images, _ = augment(dotted(), torch.arange(64) % 10, generator, 10, **parameters)
    else:
        images = augment(dotted(), generator, GREY_BLACK, **parameters)
    return images


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_batch_keeps_its_shape_and_a_seed_its_draws(name: str) -> None:
    first = changed(name)
    assert first.shape == (64, 1, 28, 28)
    assert torch.equal(first, changed(name))
    assert first.min() >= BLACK - 1e-6


@pytest.mark.parametrize("name", ["shift", "crop", "affine"])
def test_another_seed_draws_otherwise_and_images_differ(name: str) -> None:
    first = changed(name)
    assert not torch.equal(first, changed(name, seed=1))
    assert len(first.unique(dim=0)) > 10


def test_a_shift_moves_by_complete_pixels_and_reaches_every_place() -> None:
    moved = changed("shift", pixels=1)
    places = {tuple(p) for p in (moved == 1.0).nonzero()[:, 2:].tolist()}
    assert places == {(y, x) for y in (13, 14, 15) for x in (13, 14, 15)}
    assert torch.equal(moved.sum(dim=(1, 2, 3)), dotted().sum(dim=(1, 2, 3)))


@pytest.mark.parametrize("name", ["shift", "cutout", "affine"])
def test_what_comes_in_from_outside_is_black_in_each_channel(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    black = torch.tensor([-0.5, -0.25, 0.0])[:, None, None]
    changed = load(AUGMENTATIONS[name].target)(torch.ones(64, 3, 20, 28), generator, black)
    assert changed.shape == (64, 3, 20, 28)
    for channel, value in enumerate((-0.5, -0.25, 0.0)):
        assert changed[:, channel].min().item() == pytest.approx(value)
        assert changed[:, channel].max().item() == pytest.approx(1.0)
    is_black = (changed - black).abs() < 1e-6
    assert torch.equal(is_black.any(dim=1), is_black.all(dim=1))


def test_an_affine_map_of_no_extent_changes_nothing() -> None:
    still = changed("affine", degrees=0, scale=0, shear=0, pixels=0)
    assert torch.allclose(still, dotted(), atol=1e-5)


def test_an_affine_shift_goes_no_further_than_it_may() -> None:
    moved = changed("affine", degrees=0, scale=0, shear=0, pixels=2)
    places = (moved > BLACK + 0.01).nonzero()[:, 2:]
    assert places.min() >= 11
    assert places.max() <= 17


def white(name: str, seed: int = 0, **parameters: float) -> torch.Tensor:
    """Augment 400 images that are white, but black in their left half."""
    images = torch.ones(400, 1, 28, 28)
    images[..., :14] = BLACK
    generator = torch.Generator().manual_seed(seed)
    result: torch.Tensor = load(AUGMENTATIONS[name].target)(
        images, generator, GREY_BLACK, **parameters
    )
    return result


@pytest.mark.parametrize(
    ("share", "least", "most"), [(0.0, 0, 0), (0.5, 160, 240), (0.9, 330, 390)]
)
def test_a_share_of_the_images_is_mirrored(share: float, least: int, most: int) -> None:
    flipped = white("flip", share=share)
    is_flipped = flipped[:, 0, 0, 0] == 1.0
    assert least <= int(is_flipped.sum()) <= most
    assert torch.equal(
        flipped[is_flipped][..., 14:], torch.full_like(flipped[is_flipped][..., 14:], BLACK)
    )
    if share:
        assert not torch.equal(flipped, white("flip", seed=1, share=share))


def test_cutout_blackens_a_square_that_may_cross_the_border() -> None:
    cut = white("cutout", pixels=6)
    missing = 28 * 14 - (cut[..., 14:] == 1.0).sum(dim=(1, 2, 3))
    assert missing.min() == 0  # all of it in the black half
    assert missing.max() == 36
    assert (cut[..., :14] == BLACK).all()
    assert len(cut.unique(dim=0)) > 100
    assert not torch.equal(cut, white("cutout", seed=1, pixels=6))


def cropped(seed: int = 0, black: torch.Tensor = GREY_BLACK, **parameters: Any) -> torch.Tensor:
    """Crop 400 images of three channels that are numbered by rows and columns."""
    images = torch.arange(12 * 8.0).reshape(12, 8).expand(400, 3, 12, 8)
    generator = torch.Generator().manual_seed(seed)
    result: torch.Tensor = load(AUGMENTATIONS["crop"].target)(
        images, generator, black, **parameters
    )
    return result


def test_a_crop_with_a_black_border_is_a_shift() -> None:
    assert torch.equal(changed("crop", pixels=3), changed("shift", pixels=3))


def test_a_border_is_black_in_each_channel() -> None:
    black = torch.tensor([-1.0, -2.0, -3.0]).reshape(3, 1, 1)
    images = cropped(black=black, pixels=2)
    assert images.shape == (400, 3, 12, 8)
    for channel, value in enumerate((-1.0, -2.0, -3.0)):
        outside = images[:, channel][images[:, channel] < 0]
        assert set(outside.tolist()) == {value}
    assert torch.equal(images[:, 0].clamp(min=0), images[:, 2].clamp(min=0))


def test_a_reflected_border_shows_the_pixels_inside() -> None:
    images = cropped(pixels=2, padding="reflect")
    padded = torch.nn.functional.pad(
        torch.arange(12 * 8.0).reshape(1, 1, 12, 8), (2,) * 4, mode="reflect"
    )[0, 0]
    crops = {padded[y : y + 12, x : x + 8].flatten() for y in range(5) for x in range(5)}
    expected = {tuple(crop.tolist()) for crop in crops}
    assert {tuple(image[0].flatten().tolist()) for image in images} == expected


@pytest.mark.parametrize(("flip", "least", "most"), [(0.0, 0, 0), (0.5, 160, 240)])
def test_a_share_of_the_crops_is_mirrored(flip: float, least: int, most: int) -> None:
    images = cropped(pixels=2, padding="reflect", flip=flip)
    is_mirrored = images[:, 0, 6, 3] > images[:, 0, 6, 4]
    assert least <= int(is_mirrored.sum()) <= most
