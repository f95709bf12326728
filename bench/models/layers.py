"""Building blocks of the networks: base class, layers by name, and output sizes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.registry import Activation, Pooling

IMAGE_SIDE = 28


class Classifier(nn.Module):
    """Maps images (N, 1, 28, 28) to log-probabilities (N, classes).

    Every network here returns log-probabilities and has its criterion, so that training calls
    `model.loss(output, target)` for any network. `target` holds class indices, int64, (N,).
    """

    loss = staticmethod(F.nll_loss)


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


def convolved(side: int, kernel: int, *, parameter: str, padding: int = 0, stride: int = 1) -> int:
    """Return the side of a convolution's square output.

    Raises ValueError, naming `parameter`, if the kernel is larger than the input.
    """
    padded = side + 2 * padding
    if kernel > padded:
        raise ValueError(f"{parameter}={kernel} is larger than its input of {padded}×{padded}")
    return (padded - kernel) // stride + 1


def pooled(side: int, pooling: Pooling) -> int:
    """Return the side of the square output of 2×2 pooling, which drops an odd last row.

    Raises ValueError if the output would be empty.
    """
    if pooling == "none":
        return side
    if side < 2:
        raise ValueError(f"pooling={pooling!r} needs a map of 2×2 or more, but gets {side}×{side}")
    return side // 2


class Convolution(nn.Conv2d):
    """A convolution with activation and, optionally, batch norm."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        activation: Activation,
        batch_norm: bool,
        bias: bool,
        padding: int,
        stride: int,
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding, bias=bias)
        self.norm = nn.BatchNorm2d(outputs) if batch_norm else nn.Identity()
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, side, side) to (N, outputs, convolved side, convolved side)."""
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


def hidden_linear(
    inputs: int,
    outputs: int,
    *,
    activation: Activation,
    bias: bool = True,
    batch_norm: bool = False,
) -> nn.Module:
    """Return a hidden linear layer; without outputs, an identity."""
    if outputs == 0:
        return nn.Identity()
    return HiddenLinear(inputs, outputs, activation=activation, bias=bias, batch_norm=batch_norm)


@dataclass(kw_only=True)
class Maps:
    """Builds convolution and pooling layers, tracking the size of the square feature maps.

    `activation`, `batch_norm` and `bias` are those of every convolution.
    """

    activation: Activation
    batch_norm: bool = False
    bias: bool = True
    channels: int = 1
    side: int = IMAGE_SIDE

    @property
    def features(self) -> int:
        """Number of values in all maps of an image."""
        return self.channels * self.side**2

    def convolve(
        self,
        channels: int,
        kernel: int,
        *,
        parameter: str = "kernel",
        padding: int = 0,
        stride: int = 1,
    ) -> nn.Module:
        """Return the next convolution; without channels, an identity.

        Raises ValueError, naming `parameter`, if the kernel is larger than its input.
        """
        if channels == 0:
            return nn.Identity()
        layer = Convolution(
            self.channels,
            channels,
            kernel,
            activation=self.activation,
            batch_norm=self.batch_norm,
            bias=self.bias,
            padding=padding,
            stride=stride,
        )
        self.channels = channels
        self.side = convolved(
            self.side, kernel, parameter=parameter, padding=padding, stride=stride
        )
        return layer

    def pool(self, pooling: Pooling) -> nn.Module:
        """Return the next pooling; raise ValueError if its output would be empty."""
        self.side = pooled(self.side, pooling)
        return POOLINGS[pooling]()
