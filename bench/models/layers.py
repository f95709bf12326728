"""Building blocks of the networks: base class, layers by name, and their builder."""

from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.registry import Activation, ImageSize, Pooling

IMAGE_SIDE = 28


class Classifier(nn.Module):
    """Maps images (N, C, H, W) to log-probabilities (N, classes).

    Every network here returns log-probabilities and has its criterion, so that training calls
    `model.loss(output, target)` for any network. `target` holds class indices, int64, (N,).
    """

    loss = staticmethod(F.nll_loss)


ACTIVATIONS: Mapping[Activation, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "leaky_relu": F.leaky_relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "identity": lambda x: x,
}

POOLINGS: Mapping[Pooling, Callable[[], nn.Module]] = {
    "max": lambda: nn.MaxPool2d(2),
    "average": lambda: nn.AvgPool2d(2),
    "none": nn.Identity,
}


class Convolution(nn.Conv2d):
    """A convolution with activation and, optionally, batch norm."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        activation: Activation,
        batch_norm: bool,
        **settings: Any,
    ) -> None:
        super().__init__(inputs, outputs, **settings)
        self.norm = nn.BatchNorm2d(outputs) if batch_norm else nn.Identity()
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, side, side) to (N, outputs, output side, output side)."""
        return self.activation(self.norm(super().forward(x)))


class HiddenLinear(nn.Linear):
    """A linear layer with activation and, optionally, batch norm."""

    def __init__(
        self, inputs: int, outputs: int, *, activation: Activation, batch_norm: bool, bias: bool
    ) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.norm = nn.BatchNorm1d(outputs) if batch_norm else nn.Identity()
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs) to (N, outputs)."""
        return self.activation(self.norm(super().forward(x)))


@dataclass(kw_only=True)
class Layers:
    """Builds a network's layers, tracking the size of their output.

    `activation` and `bias` are those of all layers, `batch_norm` that of the convolutions. A layer
    of size 0 is an identity.
    """

    activation: Activation
    batch_norm: bool = False
    bias: bool = True
    channels: int = 1
    image_size: InitVar[ImageSize] = IMAGE_SIDE
    height: int = field(init=False)
    width: int = field(init=False)

    def __post_init__(self, image_size: ImageSize) -> None:
        sides = (image_size, image_size) if isinstance(image_size, int) else image_size
        self.height, self.width = sides

    @property
    def features(self) -> int:
        """Number of values for an image."""
        return self.channels * self.height * self.width

    def convolve(
        self,
        channels: int,
        kernel: int,
        *,
        parameter: str = "kernel",
        padding: int = 0,
        stride: int = 1,
    ) -> nn.Module:
        """Return the next convolution.

        Raises ValueError, naming `parameter`, if the kernel is larger than its input.
        """
        if channels == 0:
            return nn.Identity()
        height, width = self.height + 2 * padding, self.width + 2 * padding
        if kernel > min(height, width):
            raise ValueError(f"{parameter}={kernel} is larger than its input of {height}×{width}")
        inputs, self.channels = self.channels, channels
        self.height = (height - kernel) // stride + 1
        self.width = (width - kernel) // stride + 1
        return Convolution(
            inputs,
            channels,
            activation=self.activation,
            batch_norm=self.batch_norm,
            kernel_size=kernel,
            stride=stride,
            padding=padding,
            bias=self.bias,
        )

    def pool(self, pooling: Pooling) -> nn.Module:
        """Return the next 2×2 pooling, which drops an odd last row or column.

        Raises ValueError if its output would be empty.
        """
        if pooling != "none":
            if min(self.height, self.width) < 2:
                size = f"{self.height}×{self.width}"
                raise ValueError(f"pooling={pooling!r} needs a map of 2×2 or more, but gets {size}")
            self.height //= 2
            self.width //= 2
        return POOLINGS[pooling]()

    def hidden(self, units: int, *, batch_norm: bool = False) -> nn.Module:
        """Return the next hidden linear layer, from all features to `units`."""
        if units == 0:
            return nn.Identity()
        inputs, self.channels, self.height, self.width = self.features, units, 1, 1
        return HiddenLinear(
            inputs, units, activation=self.activation, batch_norm=batch_norm, bias=self.bias
        )
