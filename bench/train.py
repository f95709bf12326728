"""Training and evaluation as the reference does them: no file, no print.

`Training.step` is the reference's loop body. The timing blocks call the same methods one by
one, so that what is timed is what trains.
"""

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer, lr_scheduler

from bench.errors import DivergedError
from bench.measure.clock import Clock

Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
Precision = Literal["fp32", "tf32", "bf16", "fp16"]

LOG_EVERY_STEPS = 30  # the reference's own


@dataclass(frozen=True)
class StepLog:
    """Where an epoch stands; the loss is still on the device, and reading it waits for that."""

    step: int
    loss: Tensor


@dataclass(frozen=True)
class EpochResult:
    """One epoch of training; `train_s` is the training clock, data loading included."""

    train_loss: float
    images: int
    train_s: float


@dataclass(frozen=True)
class Evaluation:
    """The test set through the network; loss in nats an image, accuracy a fraction."""

    loss: float
    correct: int
    images: int
    eval_s: float

    @property
    def accuracy(self) -> float:
        """Fraction of the images that were recognised."""
        return self.correct / self.images


class Training:
    """A network with its loss, optimizer, schedule and precision: one training step's parts.

    A network may bring its own `loss(output, target)`, a mean over the batch; without one the
    output is taken for logits and the loss is the cross-entropy.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        scheduler: lr_scheduler.LRScheduler | None,
        *,
        precision: Precision = "fp32",
        memory_format: torch.memory_format = torch.contiguous_format,
        compiled: bool = False,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.scheduler = scheduler
        self._call: Callable[[Tensor], Tensor] = torch.compile(model) if compiled else model
        self.loss_of: Loss = getattr(model, "loss", F.cross_entropy)
        self._device_type = next(model.parameters()).device.type
        self._precision = precision
        self._memory_format = memory_format
        self._scaler = torch.amp.GradScaler(self._device_type) if precision == "fp16" else None

    def autocast(self) -> AbstractContextManager[Any]:
        """Enter the precision of forward and loss."""
        match self._precision:
            case "bf16":
                return torch.autocast(self._device_type, torch.bfloat16)
            case "fp16":
                return torch.autocast(self._device_type, torch.float16)
            case _:
                return nullcontext()

    def output(self, images: Tensor) -> Tensor:
        """Run the network: (N, 1, 28, 28) -> (N, classes)."""
        if self._memory_format is not torch.contiguous_format:
            images = images.contiguous(memory_format=self._memory_format)
        return self._call(images)

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Run forward and loss; a mean over the batch."""
        with self.autocast():
            return self.loss_of(self.output(images), labels)

    def backward(self, loss: Tensor) -> Tensor:
        """Fill the gradients; returns the loss without its graph.

        Keep nothing else of the loss: the optimizer then finds the graph's memory free.
        """
        (loss if self._scaler is None else self._scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def update(self) -> None:
        """Take the optimizer's step, then the schedule's."""
        if self._scaler is None:
            self.optimizer.step()
        else:
            self._scaler.step(self.optimizer)
            self._scaler.update()
        if self.scheduler is not None:
            self.scheduler.step()

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Take one whole training step and return its loss, still on the device."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.backward(self.loss(images, labels))
        self.update()
        return loss


def train_epoch(
    training: Training,
    batches: Iterable[Batch],
    clock: Clock,
    on_log: Callable[[StepLog], None] | None = None,
) -> EpochResult:
    """Train on every batch once.

    `on_log` is called every 30 steps. Raises DivergedError when the epoch's summed loss is not
    finite; it is read once, after the clock.
    """
    training.model.train()
    total = torch.zeros((), device=next(training.model.parameters()).device)
    images_seen = 0
    started_s = clock.now_s()
    step = 0
    for step, (images, labels) in enumerate(batches, start=1):
        loss = training.step(images, labels)
        total.add_(loss, alpha=len(labels))
        images_seen += len(labels)
        if on_log is not None and step % LOG_EVERY_STEPS == 0:
            on_log(StepLog(step, loss))
    train_s = clock.now_s() - started_s
    if not images_seen:
        raise ValueError("an epoch without batches")
    train_loss = total.item() / images_seen
    if not math.isfinite(train_loss):
        raise DivergedError(f"the training loss became {train_loss} within {step} steps")
    return EpochResult(train_loss, images_seen, train_s)


@torch.no_grad()
def evaluate(training: Training, batches: Iterable[Batch], clock: Clock) -> Evaluation:
    """Run the test set through the network."""
    training.model.eval()
    device = next(training.model.parameters()).device
    loss = torch.zeros((), device=device)
    correct = torch.zeros((), device=device, dtype=torch.int64)
    images_seen = 0
    started_s = clock.now_s()
    for images, labels in batches:
        with training.autocast():
            output = training.output(images)
            loss += training.loss_of(output, labels).float() * len(labels)
        correct += (output.argmax(dim=1) == labels).sum()
        images_seen += len(labels)
    eval_s = clock.now_s() - started_s
    return Evaluation(loss.item() / images_seen, int(correct.item()), images_seen, eval_s)
