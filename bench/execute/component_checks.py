"""Checks of the components that cells name, before the first run: each is built and used once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from bench.data.images import DataShape
from bench.errors import BenchError, DataError, last_line
from bench.execute.components import (
    build_augmentation,
    build_averaging,
    build_hooks,
    build_loss,
    build_metric,
    build_model,
    build_network,
    build_optimizer,
    build_schedule,
    build_training_step,
    initialise,
    two_images,
)
from bench.execute.executor import Shapes
from bench.import_graph import users_line
from bench.optim import losses
from bench.optim.schedules import Span
from bench.registry import parameters
from bench.study.choice import Choice, MetricChoice
from bench.study.spec import Cell
from bench.torchvision_import import import_torchvision
from bench.train import Batch, Training, loss_of, metric_values, smoothed

Check = Callable[[Cell, DataShape], str | None]

LARGE_SIDES = (64, 256)  # at which a network that refuses an image size is tried
CPU = torch.device("cpu")
LABELS = torch.zeros(2, dtype=torch.int64)
SPAN = Span(epochs=2, steps_per_epoch=2)


def check_components(
    cells: Sequence[Cell], shapes: Shapes, metrics: Sequence[MetricChoice] = ()
) -> list[str]:
    """Build and use each distinct component; return a line per problem.

    Every network takes two images forward and backward; an optimizer, schedule, augmentation or
    average of the user's own takes part in a training step, or is one.
    """
    problems = []
    if any(cell.loader.name == "dataloader" for cell in cells):
        try:
            import_torchvision()
        except DataError as error:
            problems.append(f"loader dataloader: {error}")
    seen: list[object] = []
    for cell in cells:
        shape = shapes[cell.dataset.label]
        for choice, parts, check in _checks(cell) if cell.skip is None else ():
            key = (check, choice, shape, *parts)
            if key in seen:
                continue
            seen.append(key)
            if problem := _problem(partial(check, cell, shape)):
                problems.append(f"{choice.kind} {choice.name}: {problem}")
                break  # what else uses this component would fail as well
    for metric in metrics:
        for shape in dict.fromkeys(shapes[cell.dataset.label] for cell in cells):
            if problem := _problem(partial(_check_metric, metric, shape)):
                problems.append(f"metric {metric.name}: {problem}")
                break
    return list(dict.fromkeys(problems))


def _checks(cell: Cell) -> Iterator[tuple[Choice, tuple[object, ...], Check]]:
    """Yield what is to be checked, what else the result depends on, and how."""
    yield cell.model, (cell.initialisation, cell.loss, cell.label_smoothing), _check_model
    for choice, parts, check in (
        (cell.initialisation, (cell.model,), _check_initialisation),
        (cell.loss, (cell.model, cell.label_smoothing), _check_loss),
        (cell.augmentation, (), _check_augmentation),
        (cell.optimizer, (cell.model,), _check_step),
        (cell.schedule, (cell.optimizer,), _check_step),
        (cell.averaging, (cell.model,), _check_step),
    ):
        if choice.name not in choice.registry:
            yield choice, parts, check
    if cell.augmentation.name != "none":
        losses_of = (cell.model, cell.loss, cell.label_smoothing)
        yield cell.augmentation, losses_of, _check_targets
    if cell.training_step.name not in cell.training_step.registry or cell.accumulation > 1:
        used = (cell.model, cell.optimizer, cell.loss, cell.accumulation, cell.cuda_graphs)
        yield cell.training_step, used, _check_training_step
    for hook in cell.hooks:
        yield hook, (cell.model,), _check_step


def _problem(check: Callable[[], str | None]) -> str | None:
    try:
        return check()
    except BenchError as error:
        return str(error)
    except (Exception, SystemExit) as error:
        return f"{last_line(error)}{users_line(error)}"


def _check_model(cell: Cell, shape: DataShape) -> str | None:
    try:
        model = _network(cell, shape)
        output = model(two_images(shape))
    except Exception as error:
        if (side := _least_side(cell, shape)) is None:
            if not (hint := _what_to_take(cell, shape)):
                raise
            return f"{last_line(error)}{users_line(error)}; {hint}"
        size = f"{shape.height}×{shape.width}"
        return f"takes images of {side}×{side} and more, not of {size}: {error}"
    expected, found = (2, shape.classes), tuple(output.shape)
    if found != expected:
        return f"expected output shape {expected}, got {found}"
    if not any(parameter.requires_grad for parameter in model.parameters()):
        return "has no trainable parameters"
    if cell.loss.name not in cell.loss.registry:
        return None
    return _loss_problem(cell, model, output, LABELS)


def _what_to_take(cell: Cell, shape: DataShape) -> str:
    """Return which parameters a network lacks that would adapt it to the data; empty for none."""
    known = parameters(cell.model.target, cell.model.passed)
    lacking = set(cell.model.passed.filled) - {p.name for p in known or ()}
    if known is None or not lacking:
        return ""
    names = [name for name in cell.model.passed.filled if name in lacking]
    images = f"{shape.channels} × {shape.height} × {shape.width} and have {shape.classes} classes"
    listed = f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
    return f"images are {images}; it has no parameter {listed} that would get these"


def _network(cell: Cell, shape: DataShape) -> nn.Module:
    """Build a network, and initialise it unless by a function of the user's own."""
    model = build_network(cell, shape)
    if cell.initialisation.name in cell.initialisation.registry:
        initialise(cell, model)
    return model


def _least_side(cell: Cell, shape: DataShape) -> int | None:
    """Return the least side of images that a network takes, if these are too small for it."""

    def takes(side: int) -> bool:
        larger = replace(shape, height=side, width=side)
        sized = cell.model_copy(update={"model": cell.model.resized(larger)})
        try:
            with torch.device("meta"):  # computes shapes only
                _network(sized, larger)(torch.empty(2, *larger.image))
        except Exception:
            return False
        return True

    first = min(shape.height, shape.width) + 1
    if not any(takes(side) for side in LARGE_SIDES):
        return None
    return next((side for side in range(first, max(LARGE_SIDES) + 1) if takes(side)), None)


def _check_initialisation(cell: Cell, shape: DataShape) -> str | None:
    build_model(cell, shape)(two_images(shape))
    return None


def _check_loss(cell: Cell, shape: DataShape) -> str | None:
    model = build_model(cell, shape)
    return _loss_problem(cell, model, model(two_images(shape)), LABELS)


def _loss_problem(cell: Cell, model: nn.Module, output: Tensor, targets: Tensor) -> str | None:
    loss_function = smoothed(loss_of(model, build_loss(cell, CPU)), cell.label_smoothing)
    loss = loss_function(output, targets)
    if problem := _not_one_number(loss):
        return problem
    loss.backward()  # type: ignore[no-untyped-call]
    return None


def _not_one_number(loss: object) -> str | None:
    if isinstance(loss, Tensor) and loss.shape == ():
        return None
    found = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
    return f"expected the loss to be a tensor of one number, got {found}"


def _check_augmentation(cell: Cell, shape: DataShape) -> str | None:
    images = two_images(shape)
    pair: object = _augmented_pair(cell, shape)
    if not isinstance(pair, tuple) or len(pair) != 2:
        return f"takes labels: expected images and targets, got {type(pair).__name__}"
    augmented, targets = pair
    if not isinstance(augmented, Tensor):
        return f"expected a tensor of images, got {type(augmented).__name__}"
    if augmented.shape != images.shape or augmented.dtype != images.dtype:
        return f"expected {_described(images)}, got {_described(augmented)}"
    probabilities = torch.zeros(len(images), shape.classes)
    if not isinstance(targets, Tensor) or _described(targets) not in (
        _described(probabilities),
        _described(LABELS),
    ):
        got = _described(targets) if isinstance(targets, Tensor) else type(targets).__name__
        return f"expected targets {_described(probabilities)}, got {got}"
    return None


def _augmented_pair(cell: Cell, shape: DataShape) -> Batch:
    generator, black = torch.Generator().manual_seed(0), torch.zeros(shape.channels, 1, 1)
    return build_augmentation(cell)(two_images(shape), LABELS, generator, black, shape.classes)


def _described(tensor: Tensor) -> str:
    return f"{tensor.dtype} {tuple(tensor.shape)}".removeprefix("torch.")


def _check_targets(cell: Cell, shape: DataShape) -> str | None:
    """Compute the loss of targets that an augmentation mixes."""
    _, targets = _augmented_pair(cell, shape)
    if targets.ndim == 1:
        return None
    model = build_model(cell, shape)
    try:
        problem = _loss_problem(cell, model, model(two_images(shape)), targets)
    except Exception as error:  # a loss of the user's own may raise anything
        problem = f"{last_line(error)}{users_line(error)}"
    if problem is None:
        return None
    own = "" if cell.loss.target == losses.DEFAULT else f" and loss {cell.loss.name}"
    with_it = f"model {cell.model.name}{own}"
    return f"mixes labels, but {with_it} can't take probabilities {_described(targets)}: {problem}"


def _check_step(cell: Cell, shape: DataShape) -> str | None:
    """Take a step with the optimizer, schedule and average of the cell, and evaluate."""
    training = _training(cell, shape)
    try:
        training.step(two_images(shape), LABELS)
    except Exception as error:
        size = training.image_size
        if size is None or size == shape.image_size:
            raise
        return f"model {cell.model.name} can't be trained at size {size}: {last_line(error)}"
    training.end_epoch(1.0)
    with torch.no_grad():
        training.evaluator()(two_images(shape), LABELS)
    return None


def _check_training_step(cell: Cell, shape: DataShape) -> str | None:
    training = _training(cell, shape)
    assert training.own_step is not None
    # Two images in each part: batch norm needs more than one.
    images, labels = (
        each.repeat_interleave(cell.accumulation, 0) for each in (two_images(shape), LABELS)
    )
    if problem := _not_one_number(training.own_step(training, images, labels)):
        return problem
    return None if training.steps else "expected a call of training.update(), got none"


def _check_metric(choice: MetricChoice, shape: DataShape) -> None:
    """Compute a metric of two images of each class, one of them misclassified."""
    labels = torch.arange(shape.classes).repeat_interleave(2)
    output = torch.eye(shape.classes)[labels.roll(1)]
    metric_values({choice.label: build_metric(choice)}, output, labels)


def _training(cell: Cell, shape: DataShape) -> Training:
    model = build_model(cell, shape)
    optimizer = build_optimizer(cell, model)
    return Training(
        model,
        optimizer,
        build_schedule(cell, optimizer, SPAN),
        loss=build_loss(cell, CPU),
        steps_by_epoch=cell.schedule.is_by_epoch,
        training_step=build_training_step(cell),
        averaging=build_averaging(cell, model, SPAN),
        hooks=build_hooks(cell),
        data_shape=shape,
        batch_size=cell.batch_size,
    )
