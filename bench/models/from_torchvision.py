"""torchvision's classification networks, fitted to small grey images by one rule.

The rule: no pretrained weights, ten classes, and no auxiliary outputs. The first convolution
takes one channel in place of three; its kernels are the sums over the three, so that it computes
what it would of grey as three equal channels, and its other settings are kept. The image is
resized bilinearly to the smallest of `SIDES` at which the network, in training mode and with the
settings given, runs. `image_side` names another side; all further parameters go to torchvision's
builder.
"""

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from bench.models.classifier import Classifier
from bench.models.model_lookup import TORCHVISION, torchvision_models
from bench.torchvision_import import import_torchvision

CLASSES = 10
SIDES = (28, 32, 64, 96, 128, 224, 299)
RULED = ("weights", "num_classes", "aux_logits")  # what the rule decides
# These two have auxiliary outputs, and warn where nobody says whether to initialise as published.
WITHOUT_AUXILIARY = {"aux_logits": False, "init_weights": True}
SETTINGS = {"googlenet": WITHOUT_AUXILIARY, "inception_v3": WITHOUT_AUXILIARY}


def __getattr__(name: str) -> Callable[..., nn.Module]:
    """Give the builder of a network by torchvision's name for it."""
    if TORCHVISION + name not in torchvision_models():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return partial(fitted, name)


class Fitted(Classifier):
    """A network for other images, behind a resize to the side that it takes."""

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__()
        self.side = side
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, 1, 28, 28) to log-probabilities (N, classes)."""
        x = F.interpolate(images, size=(self.side, self.side), mode="bilinear")
        return F.log_softmax(self.network(x), dim=1)


def fitted(name: str, *, image_side: int | None = None, **parameters: Any) -> Fitted:
    """Build a network of torchvision's, fitted by the rule.

    Raises ValueError for a parameter that the rule decides, or where no side fits.
    """
    ruled = [parameter for parameter in RULED if parameter in parameters]
    if ruled:
        raise ValueError(
            f"'{ruled[0]}' cannot be set: torchvision's networks are built without pretrained "
            f"weights or auxiliary outputs, for {CLASSES} classes"
        )
    settings = {**SETTINGS.get(name, {}), **parameters}
    models = import_torchvision().models
    network = models.get_model(name, weights=None, num_classes=CLASSES, **settings)
    take_one_channel(network)
    return Fitted(network, image_side or smallest_side(network))


def take_one_channel(network: nn.Module) -> None:
    """Make the first convolution compute of one channel what it did of three equal ones."""
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    first.in_channels = 1
    first.weight = nn.Parameter(first.weight.detach().sum(1, keepdim=True))


def smallest_side(network: nn.Module) -> int:
    """Find the smallest of SIDES at which a network runs in training mode, on two images."""
    # Shapes decide: on the meta device nothing is computed, and the network stays as it is.
    named = chain(network.named_parameters(), network.named_buffers())
    shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in named}
    refusal: Exception | None = None
    for side in SIDES:
        try:
            functional_call(network, shapes, torch.empty(2, 1, side, side, device="meta"))
        except Exception as error:  # each network has its own way to say that maps got too small
            refusal = error
        else:
            return side
    raise ValueError(
        f"runs at no side of {', '.join(map(str, SIDES))} ({refusal}); 'image_side' sets another"
    )
