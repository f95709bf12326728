"""The components that a cell names: network, loss, optimizer, schedule, augmentation, averaging.

Built-in and imported ones are built alike. What a built one lacks raises BenchError; what its own
code raises passes through.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer, lr_scheduler
from torch.optim.swa_utils import AveragedModel

from bench.data.images import DataShape
from bench.data.loaders import Augment, Batch
from bench.errors import BenchError
from bench.optim import losses, training_steps
from bench.optim.averaging import Averaging
from bench.optim.hooks import METHODS
from bench.optim.schedules import Span
from bench.registry import call, load, load_callable
from bench.study.choice import Choice, MetricChoice
from bench.study.spec import Cell
from bench.train import Loss, Metric, TrainingStep


def build_model(cell: Cell, shape: DataShape) -> nn.Module:
    """Build a cell's network on the CPU and initialise it, in torch's current random state."""
    model = build_network(cell, shape)
    initialise(cell, model)
    return model


def build_network(cell: Cell, shape: DataShape) -> nn.Module:
    """Build a cell's network for images of a shape, as it initialises itself."""
    network = load(cell.model.target)
    named = {
        "in_channels": shape.channels,
        "classes": shape.classes,
        "image_size": shape.image_size,
    }
    model = network(**{**_accepted(network, named), **cell.model.parameters})
    if not isinstance(model, nn.Module):
        raise BenchError(
            f"expected {cell.model.target} to return a torch.nn.Module, got "
            f"{type(model).__name__}; name a class, or a function that returns a module"
        )
    if any(map(is_lazy, (*model.parameters(), *model.buffers()))):
        _materialise(model, shape)
    return model


def _accepted(function: Callable[..., Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the arguments that a function or class has a parameter for."""
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):  # compiled code has no signature
        return {}
    return {name: value for name, value in named.items() if name in known}


def initialise(cell: Cell, model: nn.Module) -> None:
    """Initialise a network's weights as a cell requests."""
    call(cell.initialisation.target, cell.initialisation.parameters, model)


@torch.no_grad()
def _materialise(model: nn.Module, shape: DataShape) -> None:
    """Initialise lazy layers with two images, changing nothing else."""
    was_training = model.training
    model.eval()
    model(two_images(shape))
    model.train(was_training)
    if any(map(is_lazy, (*model.parameters(), *model.buffers()))):
        raise BenchError("has a lazy layer that its forward does not use")


def two_images(shape: DataShape) -> Tensor:
    """Return a batch of two blank images: (2, C, H, W)."""
    return torch.zeros(2, *shape.image)


def build_optimizer(cell: Cell, model: nn.Module) -> Optimizer:
    """Build a cell's optimizer of all of a network's parameters."""
    optimizer = call(cell.optimizer.target, cell.optimizer.parameters, model.parameters())
    if not isinstance(optimizer, Optimizer):
        raise _unexpected("a torch.optim.Optimizer", optimizer)
    return optimizer


def build_schedule(cell: Cell, optimizer: Optimizer, span: Span) -> lr_scheduler.LRScheduler | None:
    """Build a cell's learning-rate schedule; None for a constant rate."""
    choice = cell.schedule
    schedule = call(choice.target, choice.for_target(), optimizer, span=span)
    is_constant = schedule is None and choice.name in choice.registry
    if not is_constant and not callable(getattr(schedule, "step", None)):
        raise _unexpected("a scheduler of torch.optim.lr_scheduler", schedule)
    return schedule  # type: ignore[no-any-return]


def build_loss(cell: Cell, device: torch.device) -> Loss | None:
    """Build the loss that a study names; None for the network's own."""
    if cell.loss.target == losses.DEFAULT:
        return None
    loss: Loss = _with_parameters(cell.loss)
    return loss.to(device) if isinstance(loss, nn.Module) else loss


def build_augmentation(cell: Cell) -> Augment:
    """Build a function that augments a batch, with the cell's parameters.

    One that takes `labels` changes them, too.
    """
    choice = cell.augmentation
    augment = _with_parameters(choice)
    # The call of a module takes anything, and passes it on.
    signature = inspect.signature(augment.forward if isinstance(augment, nn.Module) else augment)
    named = [name for name in choice.passed.names if name in signature.parameters]
    if choice.is_by_image and "labels" in named:
        raise BenchError("takes labels, which are those of a batch; it needs per: batch")

    def augmented(
        images: Tensor, labels: Tensor, generator: Generator, black: Tensor, classes: int
    ) -> Batch:
        values = {"generator": generator, "black": black, "labels": labels, "classes": classes}
        given = {name: values[name] for name in named}
        if choice.is_by_image:
            return torch.stack([augment(image, **given) for image in images]), labels
        changed = augment(images, **given)
        return changed if "labels" in given else (changed, labels)

    return augmented


def build_training_step(cell: Cell) -> TrainingStep | None:
    """Build the training step that a study imports, or accumulation; None for the default one."""
    choice, parts = cell.training_step, cell.accumulation
    if choice.target != training_steps.DEFAULT:
        if parts > 1:
            raise BenchError(f"accumulation: {parts} needs the default training step")
        return _with_parameters(choice)
    if parts > 1 and cell.cuda_graphs:
        # A graph writes its gradients into the same memory again.
        raise BenchError(f"accumulation: {parts} can't be combined with cuda_graphs")
    return partial(training_steps.accumulated, parts=parts) if parts > 1 else None


def build_metric(choice: MetricChoice) -> Metric:
    """Build a metric, a function of output and labels."""
    return _with_parameters(choice)


def build_averaging(cell: Cell, model: nn.Module, span: Span) -> Averaging | None:
    """Build a cell's average of the weights; None for no average.

    torch's AveragedModel is updated after each step.
    """
    choice = cell.averaging
    average = call(choice.target, choice.parameters, model, span=span)
    if isinstance(average, AveragedModel):
        return Averaging(average, first_step=1, every_steps=1)
    has_all = all(hasattr(average, name) for name in ("after_step", "evaluation_model"))
    if average is not None and not has_all:
        what = "torch's AveragedModel, or an object with after_step(model, steps) and "
        raise _unexpected(f"{what}evaluation_model(model)", average)
    return average  # type: ignore[no-any-return]


def build_hooks(cell: Cell) -> list[object]:
    """Build a cell's hooks, objects with any of the methods of bench.optim.hooks."""
    hooks = []
    for choice in cell.hooks:
        hook = call(choice.target, choice.parameters)
        if not any(callable(getattr(hook, name, None)) for name in METHODS):
            methods = f"{', '.join(METHODS[:-1])} or {METHODS[-1]}"
            raise _unexpected(f"an object with a method {methods}", hook)
        hooks.append(hook)
    return hooks


def _with_parameters(choice: Choice) -> Callable[..., Any]:
    """Return an instance of a class, or a function that has its parameters."""
    target = load_callable(choice.target)
    given = choice.for_target()
    made = target(**given) if isinstance(target, type) else partial(target, **given)
    if not callable(made):
        raise _unexpected("a function, or a class whose instances can be called", made)
    return made if given or isinstance(target, type) else target


def _unexpected(expected: str, found: object) -> BenchError:
    kind = type(found).__name__
    return BenchError(f"expected {expected}, got {'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}")
