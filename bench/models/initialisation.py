"""Initialisations of a network's weights.

Each initialises the weights of convolutions and linear layers, and sets their biases to 0. Other
layers (batch norm, user-defined ones) keep their own initialisation.
"""

from collections.abc import Callable

from torch import Tensor, nn

from bench.registry import PositiveFloat

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def default(model: nn.Module) -> None:
    """Keep the network's own initialisation."""


def kaiming_uniform(model: nn.Module) -> None:
    """Draw uniformly with variance 2 / fan-in, for ReLU (He et al., 2015)."""
    _each(model, lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="relu"))


def kaiming_normal(model: nn.Module) -> None:
    """Draw from a normal distribution of variance 2 / fan-in (He et al., 2015)."""
    _each(model, lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"))


def xavier_uniform(model: nn.Module, *, gain: PositiveFloat = 1.0) -> None:
    """Draw uniformly with variance gain² · 2 / (fan-in + fan-out) (Glorot and Bengio, 2010)."""
    _each(model, lambda weight: nn.init.xavier_uniform_(weight, gain))


def orthogonal(model: nn.Module, *, gain: PositiveFloat = 1.0) -> None:
    """Make the rows of each layer's weight matrix orthogonal (Saxe et al., 2014)."""
    _each(model, lambda weight: nn.init.orthogonal_(weight, gain))


def lecun_uniform(model: nn.Module) -> None:
    """Draw uniformly from ±2.4 / fan-in (LeCun et al., 1998, appendix A)."""
    # A row of a weight holds the weights of one output: its fan-in.
    _each(model, lambda w: nn.init.uniform_(w, -2.4 / w[0].numel(), 2.4 / w[0].numel()))


def _each(model: nn.Module, draw: Callable[[Tensor], Tensor]) -> None:
    for layer in model.modules():
        if isinstance(layer, LAYERS):
            draw(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
