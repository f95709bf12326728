"""Activations and poolings by name, and the sizes that convolution and pooling leave."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.registry import Activation, Pooling

IMAGE_SIDE = 28


def _identity(x: Tensor) -> Tensor:
    return x


ACTIVATIONS: Mapping[Activation, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "leaky_relu": F.leaky_relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "identity": _identity,
}

POOLINGS: Mapping[Pooling, Callable[[], nn.Module]] = {
    "max": lambda: nn.MaxPool2d(2),
    "average": lambda: nn.AvgPool2d(2),
    "none": nn.Identity,
}


def convolved(side: int, kernel: int, *, parameter: str, padding: int = 0) -> int:
    """Return the side of the square map that a convolution leaves of a square map.

    Raises ValueError, naming `parameter`, where the kernel does not fit.
    """
    padded = side + 2 * padding
    if kernel > padded:
        raise ValueError(f"{parameter}={kernel} is larger than its input of {padded}×{padded}")
    return padded - kernel + 1


def pooled(side: int, pooling: Pooling) -> int:
    """Return the side of the square map that pooling 2×2 leaves; an odd last row is dropped.

    Raises ValueError where nothing would be left.
    """
    if pooling == "none":
        return side
    if side < 2:
        raise ValueError(f"pooling={pooling!r} needs a map of 2×2 or more, but gets {side}×{side}")
    return side // 2
