"""Training steps: what is done with a batch, from resetting the gradients to the update.

A step of the user's own takes the training, images and labels, and returns the loss as a tensor of
one number. It has `training.model` and `training.optimizer`, and calls `training.loss(images,
labels)`, `training.backward(loss)`, and at its end `training.update()`, which clips gradients and
steps the optimizer, the schedule and the average. A timing set times it as a whole, and what it
marks with `with training.phase("forward"):` (or backward, optimizer) as that phase.
"""

from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

DEFAULT = "bench.optim.training_steps:default"


class Stepping(Protocol):
    """What a step needs of a training."""

    optimizer: Optimizer

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Time what is done within as this phase."""

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss, a mean over the batch."""

    def backward(self, loss: Tensor) -> Tensor:
        """Add to the gradients; return the detached loss."""

    def update(self) -> None:
        """Update the weights."""


def accumulated(training: Stepping, images: Tensor, labels: Tensor, *, parts: int) -> Tensor:
    """Take a default step whose gradients are summed over parts of the batch, equally large.

    Each part's loss counts by its share of the images, so that without batch norm the step is that
    of the whole batch, up to rounding.
    """
    training.optimizer.zero_grad(set_to_none=True)
    total = torch.zeros((), device=images.device)
    for part, targets in zip(images.chunk(parts), labels.chunk(parts), strict=True):
        with training.phase("forward"):
            loss = training.loss(part, targets) * (len(part) / len(images))
        with training.phase("backward"):
            total += training.backward(loss)
    with training.phase("optimizer"):
        training.update()
    return total


def default(training: Stepping, images: Tensor, labels: Tensor) -> Tensor:
    """Reset the gradients, then forward, backward and update; return the detached loss."""
    training.optimizer.zero_grad(set_to_none=True)
    loss = training.backward(training.loss(images, labels))
    training.update()
    return loss
