"""Training and evaluation as in the reference script, without files and output.

`Training.step` is the script's loop body. Timing sets call the same methods, so that the timed
code is the training code.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer, lr_scheduler

from bench.data.images import GREY_DIGITS, DataShape
from bench.errors import BenchError, DivergedError
from bench.measure.clock import Clock
from bench.optim import losses, training_steps
from bench.optim.averaging import Averaging
from bench.optim.hooks import METHODS
from bench.records import MARKED_PHASES

Batch = tuple[Tensor, Tensor]
Network = Callable[[Tensor], Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
Metric = Callable[[Tensor, Tensor], float]
TrainingStep = Callable[["Training", Tensor, Tensor], Tensor]
Precision = Literal["fp32", "tf32", "bf16", "fp16"]

LOG_EVERY_STEPS = 30  # as in the reference script
AUTOCAST: Mapping[Precision, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class StepLog:
    """Progress within an epoch; reading `loss`, still on the device, synchronises."""

    step: int
    loss: Tensor


@dataclass(frozen=True)
class EpochResult:
    """Result of one epoch; `train_s` includes data loading."""

    train_loss: float
    images: int
    train_s: float


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation on the test set; `loss` in nats per image.

    `labels` and `predicted` are the classes of each image (images,), on the network's device.
    `metrics` are the values of the requested ones.
    """

    loss: float
    correct: int
    images: int
    eval_s: float
    labels: Tensor
    predicted: Tensor
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def accuracy(self) -> float:
        """Fraction of correctly classified images."""
        return self.correct / self.images


@dataclass(frozen=True)
class Arithmetic:
    """Settings that change a network's speed and rounding, but not its function."""

    precision: Precision = "fp32"
    memory_format: torch.memory_format = torch.contiguous_format
    compiled: bool = False
    cuda_graphs: bool = False


PLAIN = Arithmetic()


class Training:
    """A network with its loss, optimizer, schedule and arithmetic: the parts of a training step.

    Without a `loss` it is the network's own `loss(output, target)`, a mean over the batch, or else
    the cross-entropy of its output as logits. `label_smoothing` applies in training only; raises
    ValueError if the loss does not support it. `clip_norm` is the largest norm of all gradients
    together (Pascanu et al., 2013, arXiv:1211.5063). The schedule is stepped after each step, or
    after each epoch (`steps_by_epoch`, and ReduceLROnPlateau always). A `training_step` replaces
    the default one of bench.optim.training_steps.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        scheduler: lr_scheduler.LRScheduler | None,
        arithmetic: Arithmetic = PLAIN,
        *,
        loss: Loss | None = None,
        steps_by_epoch: bool = False,
        label_smoothing: float = 0.0,
        clip_norm: float | None = None,
        training_step: TrainingStep | None = None,
        averaging: Averaging | None = None,
        hooks: Sequence[object] = (),
        data_shape: DataShape = GREY_DIGITS,
        batch_size: int = 512,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.steps = 0
        self.epochs = 0
        self.data_shape = data_shape
        self.batch_size = batch_size  # from the next epoch on
        self.image_size: int | None = None  # to which training images are resized; None: not
        self.own_step = training_step
        # Times what a step marks as a phase, in a timing set.
        self.mark: Callable[[str], AbstractContextManager[None]] | None = None
        self._clip_norm = clip_norm
        self._averaging = averaging
        self._arithmetic = arithmetic
        self._device_type = next(model.parameters()).device.type
        self._call = _callable(model, arithmetic)
        on_plateau = isinstance(scheduler, lr_scheduler.ReduceLROnPlateau)  # knows epochs only
        self._steps_by_epoch = steps_by_epoch or on_plateau
        self._test_loss = loss_of(model, loss)
        self._train_loss = smoothed(self._test_loss, label_smoothing)
        fp16 = arithmetic.precision == "fp16"
        self._scaler = torch.amp.GradScaler(self._device_type) if fp16 else None
        self._hooks = {name: _methods(hooks, name) for name in METHODS}
        self._call_hooks("before_training")

    def _call_hooks(self, when: str) -> None:
        for method in self._hooks[when]:
            method(self)

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context of forward and loss: autocast, or none."""
        dtype = AUTOCAST.get(self._arithmetic.precision)
        if dtype is None:
            return nullcontext()
        # A CUDA graph would reuse the cast weights of the step in which it was captured.
        cached = not self._arithmetic.cuda_graphs
        return torch.autocast(self._device_type, dtype, cache_enabled=cached)

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss, a mean over the batch."""
        with self.autocast():
            images = self._in_memory_format(self._resized(images))
            return self._train_loss(self._call(images), labels)

    def backward(self, loss: Tensor) -> Tensor:
        """Compute the gradients; return the detached loss.

        Keep no other reference to the loss, so that the graph's memory is free for the optimizer.
        """
        (loss if self._scaler is None else self._scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def update(self) -> None:
        """Clip the gradients; step the optimizer, the schedule, and the average of the weights."""
        if self._clip_norm is not None:
            if self._scaler is not None:
                self._scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self._clip_norm)
        if self._scaler is None:
            self.optimizer.step()
        else:
            self._scaler.step(self.optimizer)
            self._scaler.update()
        if self.scheduler is not None and not self._steps_by_epoch:
            self.scheduler.step()
        self.steps += 1
        if self._averaging is not None:
            self._averaging.after_step(self.model, self.steps)
        self._call_hooks("after_step")

    def end_epoch(self, train_loss: float) -> None:
        """Step a schedule that is stepped by epochs, then call the hooks."""
        self.epochs += 1
        if isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(train_loss)
        elif self.scheduler is not None and self._steps_by_epoch:
            self.scheduler.step()
        self._call_hooks("after_epoch")

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Take a training step and return its detached loss, still on the device."""
        step = self.own_step or training_steps.default
        return step(self, images, labels).detach()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what a training step of the user's own does within as this phase.

        Phases must not be nested. Raises ValueError for another name than MARKED_PHASES.
        """
        if name not in MARKED_PHASES:
            expected = f"{', '.join(MARKED_PHASES[:-1])} or {MARKED_PHASES[-1]}"
            raise ValueError(f"expected the phase {expected}, got {name!r}")
        with nullcontext() if self.mark is None else self.mark(name):
            yield

    def evaluator(self) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Return a function from test images and labels to output and loss without smoothing.

        Uses the averaged weights if there are any.
        """
        averaging = self._averaging
        model = self.model if averaging is None else averaging.evaluation_model(self.model)
        call = self._call if model is self.model else model
        model.eval()

        def evaluate_batch(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
            with self.autocast():
                output = call(self._in_memory_format(images))
                return output, self._test_loss(output, labels).float()

        return evaluate_batch

    def _resized(self, images: Tensor) -> Tensor:
        """Resize images so that their shorter side has `image_size`, bilinearly."""
        side, shorter = self.image_size, min(images.shape[2:])
        if side is None or side == shorter:
            return images
        sides = [round(length * side / shorter) for length in images.shape[2:]]
        return F.interpolate(images, sides, mode="bilinear", antialias=side < shorter)

    def _in_memory_format(self, images: Tensor) -> Tensor:
        if self._arithmetic.memory_format is torch.contiguous_format:
            return images
        return images.contiguous(memory_format=self._arithmetic.memory_format)


def _methods(hooks: Sequence[object], name: str) -> list[Callable[[Training], None]]:
    return [getattr(hook, name) for hook in hooks if callable(getattr(hook, name, None))]


def loss_of(model: nn.Module, loss: Loss | None = None) -> Loss:
    """Return the loss of a study; without one that of the network, or else the cross-entropy.

    torch's nll_loss is replaced by the one that also takes probabilities as targets.
    """
    own: Loss = getattr(model, "loss", F.cross_entropy)
    found = own if loss is None else loss
    return losses.nll if found is F.nll_loss else found


def smoothed(loss: Loss, label_smoothing: float) -> Loss:
    """Return a loss with label smoothing; raise ValueError for one that has none.

    Cross-entropy and the negative log-likelihood have it.
    Source: Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7.
    """
    if not label_smoothing:
        return loss
    if loss in (F.cross_entropy, losses.cross_entropy):
        return partial(F.cross_entropy, label_smoothing=label_smoothing)
    if loss is losses.nll:
        return partial(_smoothed_nll, label_smoothing=label_smoothing)
    raise ValueError("label_smoothing does not support a custom loss")


def _smoothed_nll(output: Tensor, target: Tensor, *, label_smoothing: float) -> Tensor:
    """Mix the loss of the labels with that of a uniform distribution over all classes."""
    uniform = -output.float().mean()  # autocast leaves log_softmax on the CPU in bf16
    return losses.nll(output, target).lerp(uniform, label_smoothing)


def _callable(model: nn.Module, arithmetic: Arithmetic) -> Network:
    """Return the network as compiled, in CUDA graphs, both ("reduce-overhead"), or as it is."""
    if arithmetic.compiled:
        mode = "reduce-overhead" if arithmetic.cuda_graphs else None
        return cast("Network", torch.compile(model, mode=mode))
    return _Graphed(model) if arithmetic.cuda_graphs else model


class _Graphed:
    """Calls a network, in training through CUDA graphs of its forward and backward.

    Graphs are captured at the first training batch and used for every batch of its shape; other
    shapes (an epoch's last batch) and evaluation run eagerly. Weights stay in place, so that the
    optimizer is not affected. Capturing runs the network a few times; buffers (batch norm) are
    restored afterwards. Source: torch.cuda.make_graphed_callables.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._eager: Network = model.forward
        self._graphed: Network | None = None
        self._shape: torch.Size | None = None

    def __call__(self, images: Tensor) -> Tensor:
        if not (self._model.training and torch.is_grad_enabled()):
            return self._eager(images)
        if self._graphed is None:
            self._graphed = self._capture(images)
        return (self._graphed if images.shape == self._shape else self._eager)(images)

    def _capture(self, images: Tensor) -> Network:
        before = [buffer.clone() for buffer in self._model.buffers()]
        torch.cuda.make_graphed_callables(self._model, (images.clone(),))
        # Restore the network's own forward, which other shapes need.
        graphed: Network = self._model.forward
        self._model.forward = self._eager
        self._shape = images.shape
        with torch.no_grad():
            for buffer, value in zip(self._model.buffers(), before, strict=True):
                buffer.copy_(value)
        return graphed


def train_epoch(
    training: Training,
    batches: Iterable[Batch],
    clock: Clock,
    on_log: Callable[[StepLog], None] | None = None,
) -> EpochResult:
    """Train on every batch once, calling `on_log` every 30 steps.

    Raises DivergedError if the sum of losses is not finite; it is read once, after the clock.
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
    training.end_epoch(train_loss)
    return EpochResult(train_loss, images_seen, train_s)


@torch.no_grad()
def evaluate(
    training: Training,
    batches: Iterable[Batch],
    clock: Clock,
    metrics: Mapping[str, Metric] = MappingProxyType({}),
) -> Evaluation:
    """Evaluate the network on the test set; metrics are computed after the clock has stopped."""
    evaluate_batch = training.evaluator()
    device = next(training.model.parameters()).device
    loss = torch.zeros((), device=device)
    correct = torch.zeros((), device=device, dtype=torch.int64)
    classes: list[tuple[Tensor, Tensor]] = []
    outputs: list[Tensor] = []
    started_s = clock.now_s()
    for images, labels in batches:
        output, batch_loss = evaluate_batch(images, labels)
        loss += batch_loss * len(labels)
        predicted = output.argmax(dim=1)
        correct += (predicted == labels).sum()
        classes.append((labels, predicted))
        if metrics:
            outputs.append(output)
    eval_s = clock.now_s() - started_s
    labels, predicted = (torch.cat(parts) for parts in zip(*classes, strict=True))
    n = len(labels)
    values = metric_values(metrics, torch.cat(outputs), labels) if metrics else {}
    return Evaluation(loss.item() / n, int(correct.item()), n, eval_s, labels, predicted, values)


def metric_values(
    metrics: Mapping[str, Metric], output: Tensor, labels: Tensor
) -> Mapping[str, float]:
    """Return the value of each metric; raise BenchError for one that returns no number."""
    given = output.float().cpu(), labels.cpu()
    values = {}
    with torch.random.fork_rng(devices=[]):  # training goes on as without metrics
        for name, metric in metrics.items():
            value = metric(*given)
            try:
                values[name] = float(value)
            except (TypeError, ValueError, RuntimeError):
                got = "a tensor" if isinstance(value, Tensor) else type(value).__name__
                raise BenchError(f"expected {name} to return a number, got {got}") from None
    return values
