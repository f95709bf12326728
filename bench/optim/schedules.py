"""Learning-rate schedules, stepped after every training step.

A schedule takes the optimizer and the span of training, and returns torch's scheduler, or None.
"""

from dataclasses import dataclass
from typing import Literal

from torch.optim import Optimizer, lr_scheduler

from bench.registry import (
    Fraction,
    Fractions,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)


@dataclass(frozen=True)
class Span:
    """Length of a training."""

    epochs: int
    steps_per_epoch: int

    @property
    def steps(self) -> int:
        """Total number of steps, at least 1."""
        return max(1, self.epochs * self.steps_per_epoch)


def constant(optimizer: Optimizer, span: Span) -> None:
    """Return None: the learning rate is constant."""


def step(
    optimizer: Optimizer, span: Span, *, every_epochs: PositiveInt = 5, gamma: Fraction = 0.5
) -> lr_scheduler.LRScheduler:
    """Multiply the learning rate by `gamma` every `every_epochs` epochs."""
    return lr_scheduler.StepLR(optimizer, every_epochs * span.steps_per_epoch, gamma)


def cosine(
    optimizer: Optimizer, span: Span, *, final_lr: NonNegativeFloat = 0.0
) -> lr_scheduler.LRScheduler:
    """Decay the learning rate along half a cosine to `final_lr` (Loshchilov and Hutter, 2017)."""
    return lr_scheduler.CosineAnnealingLR(optimizer, T_max=span.steps, eta_min=final_lr)


def one_cycle(
    optimizer: Optimizer,
    span: Span,
    *,
    max_lr: PositiveFloat | None = None,
    pct_start: Fraction = 0.3,
    div_factor: PositiveFloat = 25.0,
    final_div_factor: PositiveFloat = 10000.0,
    anneal: Literal["cos", "linear"] = "cos",
    cycle_momentum: bool = True,
) -> lr_scheduler.LRScheduler:
    """Raise the learning rate to `max_lr` (by default the optimizer's), then lower it.

    With `cycle_momentum`, momentum (Adam's beta1) moves inversely between 0.85 and 0.95, torch's
    defaults, if the optimizer has any. Smith, "A disciplined approach to neural network
    hyper-parameters", 2018.
    """
    peak = max_lr if max_lr is not None else float(optimizer.param_groups[0]["lr"])
    # torch would divide by zero if the rise took exactly one step. Slightly shorter, the rate
    # starts at its peak, as with any shorter rise.
    if pct_start * span.steps == 1:
        pct_start = (1 - 1e-9) / span.steps
    # torch would add momentum to an SGD without any.
    has_momentum = "betas" in optimizer.defaults or optimizer.defaults.get("momentum", 0) > 0
    return lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=peak,
        total_steps=span.steps,
        pct_start=pct_start,
        div_factor=div_factor,
        final_div_factor=final_div_factor,
        anneal_strategy=anneal,
        cycle_momentum=cycle_momentum and has_momentum,
    )


def linear(
    optimizer: Optimizer, span: Span, *, warm_up: Fraction = 0.1, final_lr: NonNegativeFloat = 0.0
) -> lr_scheduler.LRScheduler:
    """Raise the learning rate linearly over the fraction `warm_up`, then lower it to `final_lr`."""
    rising = round(warm_up * span.steps)
    end = final_lr / float(optimizer.param_groups[0]["lr"])

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return 1 + (end - 1) * min(1.0, (step - rising) / max(1, span.steps - rising))

    return lr_scheduler.LambdaLR(optimizer, factor)


def exponential(
    optimizer: Optimizer, span: Span, *, gamma: PositiveFloat = 0.9
) -> lr_scheduler.LRScheduler:
    """Multiply the learning rate by `gamma` over each epoch, by a little after every step."""
    return lr_scheduler.ExponentialLR(optimizer, gamma ** (1 / span.steps_per_epoch))


def multi_step(
    optimizer: Optimizer, span: Span, *, at: Fractions = (0.5, 0.75), gamma: PositiveFloat = 0.1
) -> lr_scheduler.LRScheduler:
    """Multiply the learning rate by `gamma` at each of these fractions of the training."""
    return lr_scheduler.MultiStepLR(optimizer, [round(f * span.steps) for f in at], gamma)


def warm_restarts(
    optimizer: Optimizer,
    span: Span,
    *,
    first_epochs: PositiveInt = 1,
    factor: PositiveInt = 2,
    final_lr: NonNegativeFloat = 0.0,
) -> lr_scheduler.LRScheduler:
    """Repeat a cosine decay, each `factor` times as long (Loshchilov and Hutter, 2017)."""
    return lr_scheduler.CosineAnnealingWarmRestarts(
        optimizer, first_epochs * span.steps_per_epoch, factor, final_lr
    )


def plateau(
    optimizer: Optimizer,
    span: Span,
    *,
    gamma: Fraction = 0.1,
    patience: NonNegativeInt = 2,
    threshold: NonNegativeFloat = 1e-4,
) -> lr_scheduler.ReduceLROnPlateau:
    """Multiply the learning rate by `gamma` once the training loss no longer falls.

    That is after more than `patience` epochs in which it was not at least the fraction `threshold`
    below the lowest so far.
    """
    return lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=gamma, patience=patience, threshold=threshold
    )
