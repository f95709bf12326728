"""torchvision's classification networks, adapted to small greyscale images.

No pretrained weights, ten classes, no auxiliary outputs. The first convolution takes one channel
instead of three; its kernels are summed over the three, so that it computes the same as for grey
images in three equal channels. Images are resized bilinearly to `image_side`, by default the
smallest of `SIDES` at which the network runs in training mode. All further parameters are passed
to torchvision's builder.
"""

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from bench.models.layers import Classifier
from bench.models.model_lookup import TORCHVISION, torchvision_models
from bench.torchvision_import import import_torchvision

CLASSES = 10
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
        """Map images (N, 1, 28, 28) to log-probabilities (N, classes)."""
        x = F.interpolate(images, size=(self.side, self.side), mode="bilinear")
        return F.log_softmax(self.network(x), dim=1)


def adapted(name: str, *, image_side: int | None = None, **parameters: Any) -> AdaptedNetwork:
    """Return one of torchvision's networks, adapted to small greyscale images.

    Raises ValueError for a parameter in FIXED, or if the network runs at none of SIDES.
    """
    fixed = [parameter for parameter in FIXED if parameter in parameters]
    if fixed:
        raise ValueError(
            f"'{fixed[0]}' cannot be set: torchvision's networks are built without pretrained "
            f"weights or auxiliary outputs, for {CLASSES} classes"
        )
    settings = {**SETTINGS.get(name, {}), **parameters}
    models = import_torchvision().models
    network = models.get_model(name, weights=None, num_classes=CLASSES, **settings)
    take_one_channel(network)
    return AdaptedNetwork(network, image_side or smallest_side(network))


def take_one_channel(network: nn.Module) -> None:
    """Make the first convolution compute from one channel what it does from three equal ones."""
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    first.in_channels = 1
    first.weight = nn.Parameter(first.weight.detach().sum(1, keepdim=True))


def smallest_side(network: nn.Module) -> int:
    """Return the smallest of SIDES at which a network runs in training mode, on two images."""
    # On the meta device only shapes are computed, and the network is not changed.
    named = chain(network.named_parameters(), network.named_buffers())
    shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in named}
    last_error: Exception | None = None
    for side in SIDES:
        try:
            functional_call(network, shapes, torch.empty(2, 1, side, side, device="meta"))
        except Exception as error:  # networks raise different errors for maps that are too small
            last_error = error
        else:
            return side
    raise ValueError(
        f"runs at no side of {', '.join(map(str, SIDES))} ({last_error}); 'image_side' sets another"
    )
