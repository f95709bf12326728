"""torchvision's classification networks, adapted to small images.

No pretrained weights, no auxiliary outputs. For grey images the first convolution takes one channel
instead of three; its kernels are summed over the three, so that it computes the same as for grey
images in three equal channels. Images are resized bilinearly to `image_side`, by default their own
side or else the smallest larger one of `SIDES` at which the network runs in training mode. All
further parameters are passed to torchvision's builder.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from bench.models.layers import Classifier
from bench.models.model_lookup import TORCHVISION, torchvision_models
from bench.registry import ImageSize
from bench.torchvision_import import import_torchvision

COLOURS = 3  # channels that torchvision's networks take
SIDES = (28, 32, 64, 96, 128, 224, 299)
FIXED = ("weights", "num_classes", "aux_logits")  # parameters that a study can't set
# These two have auxiliary outputs, and warn without an explicit `init_weights`.
WITHOUT_AUXILIARY = {"aux_logits": False, "init_weights": True}
SETTINGS = {"googlenet": WITHOUT_AUXILIARY, "inception_v3": WITHOUT_AUXILIARY}


def __getattr__(name: str) -> Callable[..., nn.Module]:
    """Return the builder of a network by its name in torchvision."""
    if TORCHVISION + name not in torchvision_models():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return partial(adapted, name)


class AdaptedNetwork(Classifier):
    """A network behind a resize to its input size."""

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__()
        self.side = side
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to log-probabilities (N, classes)."""
        x = F.interpolate(images, size=(self.side, self.side), mode="bilinear")
        return F.log_softmax(self.network(x), dim=1)


def adapted(
    name: str,
    *,
    image_side: int | None = None,
    in_channels: int = 1,
    classes: int = 10,
    image_size: ImageSize = 28,
    **parameters: Any,
) -> AdaptedNetwork:
    """Return one of torchvision's networks, adapted to small images.

    Raises ValueError for a parameter in FIXED, or if the network runs at none of the sides.
    """
    fixed = [parameter for parameter in FIXED if parameter in parameters]
    if fixed:
        raise ValueError(
            f"'{fixed[0]}' cannot be set: torchvision's networks are built without pretrained "
            f"weights or auxiliary outputs, for the classes of the data set"
        )
    settings = {**SETTINGS.get(name, {}), **parameters}
    models = import_torchvision().models
    network = models.get_model(name, weights=None, num_classes=classes, **settings)
    if in_channels != COLOURS:
        take_channels(network, in_channels)
    own = image_size if isinstance(image_size, int) else max(image_size)
    sides = (own, *(side for side in SIDES if side > own))
    return AdaptedNetwork(network, image_side or smallest_side(network, in_channels, sides))


def take_channels(network: nn.Module, channels: int) -> None:
    """Make the first convolution take other channels than red, green and blue.

    From one it computes what it does from three equal ones; for more it gets new weights.
    """
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    if channels == 1:
        weight = first.weight.detach().sum(1, keepdim=True)
    else:
        weight = first.weight.new_empty(len(first.weight), channels, *first.kernel_size)
        nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
    first.in_channels = channels
    first.weight = nn.Parameter(weight)


def smallest_side(network: nn.Module, channels: int = 1, sides: Sequence[int] = SIDES) -> int:
    """Return the first of the sides at which a network runs in training mode, on two images."""
    # On the meta device only shapes are computed, and the network is not changed.
    named = chain(network.named_parameters(), network.named_buffers())
    shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in named}
    last_error: Exception | None = None
    for side in sides:
        images = torch.empty(2, channels, side, side, device="meta")
        try:
            functional_call(network, shapes, images)
        except Exception as error:  # networks raise different errors for maps that are too small
            last_error = error
        else:
            return side
    raise ValueError(
        f"runs at no side of {', '.join(map(str, sides))} ({last_error}); 'image_side' sets another"
    )
