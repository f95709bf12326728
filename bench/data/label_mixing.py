"""Augmentations that mix the images of a batch and, in the same shares, their labels.

Each takes normalised images (N, C, H, W), their `labels` (N,) int64 and a generator on their
device, and returns mixed images and targets (N, classes), the probabilities of each class. Each
image is mixed with one of a random order of the batch. One share is drawn for the batch, as in the
code of both papers, from the symmetric beta distribution of `alpha`.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from bench.registry import PositiveFloat

Mixed = tuple[Tensor, Tensor]


def mixup(
    images: Tensor,
    labels: Tensor,
    generator: Generator,
    classes: int,
    *,
    alpha: PositiveFloat = 1.0,
) -> Mixed:
    """Average each image and its label with another one of the batch.

    Zhang et al. (2018), mixup: beyond empirical risk minimization, arXiv:1710.09412.
    """
    share = beta(alpha, generator, images.device)
    order = torch.randperm(len(images), generator=generator, device=images.device)
    mixed = torch.lerp(images[order], images, share.to(images.dtype))
    return mixed, _mixed_labels(labels, order, share, classes)


def cutmix(
    images: Tensor,
    labels: Tensor,
    generator: Generator,
    classes: int,
    *,
    alpha: PositiveFloat = 1.0,
) -> Mixed:
    """Replace a box of each image by that of another one of the batch; labels by its area.

    The box has the image's proportions and a uniform centre, and is cut off at the border. Yun et
    al. (2019), CutMix, arXiv:1905.04899, section 3.2.
    """
    device = images.device
    side = torch.sqrt(1 - beta(alpha, generator, device))  # of the box, as a fraction
    inside = []
    for axis in (2, 3):
        length = images.shape[axis]
        centre = torch.randint(length, (), generator=generator, device=device)
        half = (side * length).long() // 2
        places = torch.arange(length, device=device)
        inside.append((places >= centre - half) & (places < centre + half))
    box = inside[0][:, None] & inside[1]  # (H, W)
    order = torch.randperm(len(images), generator=generator, device=device)
    mixed = torch.where(box, images[order], images)
    return mixed, _mixed_labels(labels, order, 1 - box.float().mean(), classes)


def beta(alpha: float, generator: Generator, device: torch.device) -> Tensor:
    """Draw one number from the beta distribution of (`alpha`, `alpha`), without waiting for it.

    torch.distributions takes no generator, and rejection would synchronise with a GPU. A number of
    (α + 1, α + 1) comes from two uniform ones by Ulrich's polar method: Devroye (1986), Non-Uniform
    Random Variate Generation, chapter IX.4. As a gamma variable of α is one of α + 1 times U^(1/α)
    (ibid., IX.3), its odds times (U/U')^(1/α) are those of (α, α).
    """
    # In (0, 1], and double, since logarithms of numbers near 1 are differences.
    u = 1 - torch.rand(4, generator=generator, device=device, dtype=torch.float64)
    radius = torch.sqrt(1 - u[0] ** (2 / (2 * alpha + 1)))
    log_odds = 2 * torch.atanh(radius * torch.cos(2 * math.pi * u[1]))
    return torch.sigmoid(log_odds + (u[2].log() - u[3].log()) / alpha).float()


def _mixed_labels(labels: Tensor, order: Tensor, share: Tensor, classes: int) -> Tensor:
    """Mix labels (N,) with those in this order, whose share is 1 − `share`: (N, classes)."""
    own = F.one_hot(labels, classes).float()
    return torch.lerp(own[order], own, share)
