"""Random augmentations of batches of training images, on the images' device.

Each takes normalised images (N, C, H, W), a generator on their device, and the values of a black
pixel, (C, 1, 1), which fill the borders.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from bench.registry import Fraction, NonNegativeFloat, PositiveInt


def none(images: Tensor, generator: Generator, black: Tensor) -> Tensor:
    """Return the images unchanged."""
    return images


def shift(
    images: Tensor, generator: Generator, black: Tensor, *, pixels: PositiveInt = 2
) -> Tensor:
    """Shift each image by a uniform integer of up to `pixels` pixels in each direction."""
    return _cropped(_bordered(images, pixels, black), pixels, generator)


def crop(
    images: Tensor,
    generator: Generator,
    black: Tensor,
    *,
    pixels: PositiveInt = 4,
    padding: Literal["black", "reflect"] = "black",
    flip: Fraction = 0.0,
) -> Tensor:
    """Pad each side by `pixels`, cut each image out at a uniform place, mirror some of them.

    `flip` is the probability that an image is mirrored. The usual augmentation of CIFAR, with
    `pixels` 4 and `flip` 0.5: Lee et al. (2015), Deeply-supervised nets, arXiv:1409.5185. Raises
    RuntimeError for reflections of more pixels than an image has.
    """
    if padding == "reflect":
        padded = F.pad(images, (pixels,) * 4, mode="reflect")
    else:
        padded = _bordered(images, pixels, black)
    cropped = _cropped(padded, pixels, generator)
    return _mirrored(cropped, flip, generator) if flip else cropped


def _bordered(images: Tensor, pixels: int, black: Tensor) -> Tensor:
    """Add a black border."""
    count, channels, height, width = images.shape
    padded = images.new_empty(count, channels, height + 2 * pixels, width + 2 * pixels)
    padded.copy_(black)
    padded[..., pixels:-pixels, pixels:-pixels] = images
    return padded


def _cropped(padded: Tensor, pixels: int, generator: Generator) -> Tensor:
    """Cut each image without borders of `pixels` out of a padded one, at a uniform place."""
    count, _, height, width = padded.shape
    # A view for every offset.
    views = padded.unfold(2, height - 2 * pixels, 1).unfold(3, width - 2 * pixels, 1)
    device = padded.device
    down, right = torch.randint(
        2 * pixels + 1, (2, count), generator=generator, device=device
    ).unbind()
    return views[torch.arange(count, device=device), :, down, right]


def affine(
    images: Tensor,
    generator: Generator,
    black: Tensor,
    *,
    degrees: NonNegativeFloat = 10.0,
    scale: NonNegativeFloat = 0.1,
    shear: NonNegativeFloat = 0.1,
    pixels: NonNegativeFloat = 2.0,
) -> Tensor:
    """Rotate, scale, shear and shift each image by uniform amounts up to these, bilinearly.

    `scale` and `shear` are fractions, `pixels` is the maximum shift.
    """
    count, _, height, width = images.shape
    turn, size, slant, right, down = (
        2 * torch.rand(5, count, generator=generator, device=images.device) - 1
    ).unbind()
    angle, size, slant = turn * math.radians(degrees), 1 + size * scale, slant * shear
    cosine, sine = torch.cos(angle) * size, torch.sin(angle) * size
    rows = (
        torch.stack([cosine, cosine * slant - sine, right * 2 * pixels / width], dim=1),
        torch.stack([sine, sine * slant + cosine, down * 2 * pixels / height], dim=1),
    )
    places = F.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    places = places.to(images.dtype)
    return F.grid_sample(images - black, places, align_corners=False) + black


def flip(images: Tensor, generator: Generator, black: Tensor, *, share: Fraction = 0.5) -> Tensor:
    """Mirror each image left to right with the probability `share`."""
    return _mirrored(images, share, generator)


def _mirrored(images: Tensor, share: float, generator: Generator) -> Tensor:
    draws = torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device)
    return torch.where(draws < share, images.flip(3), images)


def cutout(
    images: Tensor, generator: Generator, black: Tensor, *, pixels: PositiveInt = 8
) -> Tensor:
    """Blacken a square of `pixels` × `pixels` at a uniform place, which may cross the border.

    DeVries and Taylor (2017), Improved regularization of convolutional neural networks with cutout,
    arXiv:1708.04552; there the square has the mean of the data.
    """
    count, _, height, width = images.shape
    inside = []
    for axis, length in ((2, height), (3, width)):
        centres = torch.randint(length, (count, 1, 1, 1), generator=generator, device=images.device)
        shape = [1, 1, 1, 1]
        shape[axis] = length
        places = torch.arange(length, device=images.device).reshape(shape)
        start = centres - pixels // 2
        inside.append((places >= start) & (places < start + pixels))
    return torch.where(inside[0] & inside[1], black, images)
