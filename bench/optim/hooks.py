"""Hooks: what changes a training while it runs, beyond its optimizer, schedule and averaging.

A hook has any of three methods, each of which gets the training, with its `model`, `optimizer`,
`scheduler`, and the numbers of `steps` and `epochs` done. `before_training(training)` is called
once, `after_step(training)` after each update, as a part of the timed optimizer phase, and
`after_epoch(training)` after each epoch.
"""

from typing import Protocol

from torch import nn

from bench.registry import PositiveInt

METHODS = ("before_training", "after_step", "after_epoch")


class Running(Protocol):
    """What `Freeze` needs of a training."""

    model: nn.Module
    epochs: int


class Freeze:
    """Stops training the parameters whose names start with `layers`, after `epochs` epochs.

    Their gradients are then not computed either. Brock et al. (2017), FreezeOut, arXiv:1706.04983,
    freeze layer after layer; this freezes once. Raises ValueError if no parameter has such a name,
    or all do.
    """

    def __init__(self, layers: str, epochs: PositiveInt = 1) -> None:
        self._layers = layers
        self._epochs = epochs

    def before_training(self, training: Running) -> None:
        """Check the names, before the first step."""
        names = [name for name, _ in training.model.named_parameters()]
        frozen = [name for name in names if name.startswith(self._layers)]
        if not frozen or len(frozen) == len(names):
            which = "all parameters start" if frozen else "no parameter starts"
            raise ValueError(f"{which} with {self._layers!r}; their names: {', '.join(names)}")

    def after_epoch(self, training: Running) -> None:
        """Freeze the layers once their epochs are over."""
        if training.epochs == self._epochs:
            for name, parameter in training.model.named_parameters():
                if name.startswith(self._layers):
                    parameter.requires_grad = False
                    parameter.grad = None
