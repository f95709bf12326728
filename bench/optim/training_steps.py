"""Training steps: what is done with a batch, from resetting the gradients to the update.

A step of the user's own takes the training, images and labels, and returns the loss as a tensor of
one number. It has `training.model` and `training.optimizer`, and calls `training.loss(images,
labels)`, `training.backward(loss)`, and at its end `training.update()`, which clips gradients and
steps the optimizer, the schedule and the average. A timing set times it as a whole, and what it
marks with `with training.phase("forward"):` (or backward, optimizer) as that phase.
"""

from typing import Protocol

from torch import Tensor
from torch.optim import Optimizer

DEFAULT = "bench.optim.training_steps:default"


class Stepping(Protocol):
    """What a step needs of a training."""

    optimizer: Optimizer

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss, a mean over the batch."""

    def backward(self, loss: Tensor) -> Tensor:
        """Add to the gradients; return the detached loss."""

    def update(self) -> None:
        """Update the weights."""


def default(training: Stepping, images: Tensor, labels: Tensor) -> Tensor:
    """Reset the gradients, then forward, backward and update; return the detached loss."""
    training.optimizer.zero_grad(set_to_none=True)
    loss = training.backward(training.loss(images, labels))
    training.update()
    return loss
