"""Training and evaluation as the reference does them: no file, no print.

`Training.step` is the reference's loop body. The timing blocks call the same methods one by
one, so that what is timed is what trains.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer, lr_scheduler

from bench.cuda_graphs import Graphed
from bench.errors import DivergedError
from bench.measure.clock import Clock
from bench.optim.averaging import Averaging

Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
Precision = Literal["fp32", "tf32", "bf16", "fp16"]

LOG_EVERY_STEPS = 30  # the reference's own
AUTOCAST: Mapping[Precision, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


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


@dataclass(frozen=True)
class Arithmetic:
    """How a network is computed; none of it changes what it computes but for rounding."""

    precision: Precision = "fp32"
    memory_format: torch.memory_format = torch.contiguous_format
    compiled: bool = False
    cuda_graphs: bool = False


PLAIN = Arithmetic()


class Training:
    """A network with its loss, optimizer, schedule and arithmetic: one training step's parts.

    A network may bring its own `loss(output, target)`, a mean over the batch; without one the
    output is taken for logits and the loss is the cross-entropy, in training with
    `label_smoothing`. Raises ValueError for label smoothing of a loss that is no cross-entropy.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        scheduler: lr_scheduler.LRScheduler | None,
        arithmetic: Arithmetic = PLAIN,
        *,
        label_smoothing: float = 0.0,
        averaging: Averaging | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.steps = 0
        self._averaging = averaging
        self._arithmetic = arithmetic
        self._device_type = next(model.parameters()).device.type
        self._call = _callable(model, arithmetic)
        self._test_loss = loss_of(model)
        self._train_loss = loss_of(model, label_smoothing)
        fp16 = arithmetic.precision == "fp16"
        self._scaler = torch.amp.GradScaler(self._device_type) if fp16 else None

    def autocast(self) -> AbstractContextManager[Any]:
        """Enter the precision of forward and loss."""
        dtype = AUTOCAST.get(self._arithmetic.precision)
        if dtype is None:
            return nullcontext()
        # A CUDA graph would keep the cast weights of the step in which it was captured.
        cached = not self._arithmetic.cuda_graphs
        return torch.autocast(self._device_type, dtype, cache_enabled=cached)

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Run forward and loss; a mean over the batch."""
        with self.autocast():
            return self._train_loss(self._call(self._laid_out(images)), labels)

    def backward(self, loss: Tensor) -> Tensor:
        """Fill the gradients; returns the loss without its graph.

        Keep nothing else of the loss: the optimizer then finds the graph's memory free.
        """
        (loss if self._scaler is None else self._scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def update(self) -> None:
        """Take the optimizer's step, then the schedule's, then that of the weights' average."""
        if self._scaler is None:
            self.optimizer.step()
        else:
            self._scaler.step(self.optimizer)
            self._scaler.update()
        if self.scheduler is not None:
            self.scheduler.step()
        self.steps += 1
        if self._averaging is not None:
            self._averaging.stepped(self.model, self.steps)

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Take one whole training step and return its loss, still on the device."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.backward(self.loss(images, labels))
        self.update()
        return loss

    def evaluated(self) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Give what maps test images and labels to output and loss, without any smoothing.

        The weights are their average where one is kept.
        """
        averaging = self._averaging
        model = self.model if averaging is None else averaging.evaluated(self.model)
        call = self._call if model is self.model else model
        model.eval()

        def evaluate_batch(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
            with self.autocast():
                output = call(self._laid_out(images))
                return output, self._test_loss(output, labels).float()

        return evaluate_batch

    def _laid_out(self, images: Tensor) -> Tensor:
        """Bring images into the network's memory format."""
        if self._arithmetic.memory_format is torch.contiguous_format:
            return images
        return images.contiguous(memory_format=self._arithmetic.memory_format)


def loss_of(model: nn.Module, label_smoothing: float = 0.0) -> Loss:
    """Give a network's loss, on request for labels of which a part is spread over all classes.

    Raises ValueError for smoothing of a loss that is neither cross_entropy nor nll_loss.
    Source: Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7.
    """
    loss: Loss = getattr(model, "loss", F.cross_entropy)
    if not label_smoothing:
        return loss
    if loss is F.cross_entropy:
        return partial(F.cross_entropy, label_smoothing=label_smoothing)
    if loss is F.nll_loss:
        return partial(_smoothed_nll, label_smoothing=label_smoothing)
    raise ValueError("label_smoothing can't smooth a loss of the network's own")


def _smoothed_nll(output: Tensor, target: Tensor, *, label_smoothing: float) -> Tensor:
    """Mix the loss of the labels with that of targets that are even over all classes."""
    even = -output.float().mean()  # autocast leaves log_softmax on the CPU in bf16
    return F.nll_loss(output, target).lerp(even, label_smoothing)


def _callable(model: nn.Module, arithmetic: Arithmetic) -> Callable[[Tensor], Tensor]:
    """Compile a network, graph it, both (torch's "reduce-overhead") or neither."""
    if arithmetic.compiled:
        mode = "reduce-overhead" if arithmetic.cuda_graphs else None
        return cast("Callable[[Tensor], Tensor]", torch.compile(model, mode=mode))
    return Graphed(model) if arithmetic.cuda_graphs else model


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
    evaluate_batch = training.evaluated()
    device = next(training.model.parameters()).device
    loss = torch.zeros((), device=device)
    correct = torch.zeros((), device=device, dtype=torch.int64)
    images_seen = 0
    started_s = clock.now_s()
    for images, labels in batches:
        output, batch_loss = evaluate_batch(images, labels)
        loss += batch_loss * len(labels)
        correct += (output.argmax(dim=1) == labels).sum()
        images_seen += len(labels)
    eval_s = clock.now_s() - started_s
    return Evaluation(loss.item() / images_seen, int(correct.item()), images_seen, eval_s)
