"""Learning-rate schedules, stepped after every training step.

A schedule takes the optimizer and the span of training, and returns torch's scheduler, or None.
"""

from dataclasses import dataclass
from typing import Literal

from torch.optim import Optimizer, lr_scheduler

from bench.registry import Fraction, NonNegativeFloat, PositiveFloat, PositiveInt


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
    defaults, if the optimizer has any. Smith, "A disciplined
    approach to neural network hyper-parameters", 2018.
    """
    peak = max_lr if max_lr is not None else float(optimizer.param_groups[0]["lr"])
    return lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=peak,
        total_steps=span.steps,
        pct_start=_start_fraction(pct_start, span.steps),
        div_factor=div_factor,
        final_div_factor=final_div_factor,
        anneal_strategy=anneal,
        cycle_momentum=cycle_momentum and _has_momentum(optimizer),
    )


def _start_fraction(pct_start: float, steps: int) -> float:
    """Return `pct_start`, slightly reduced if the rise takes exactly one step.

    The rate then starts at its peak, as with a shorter rise; torch would divide by zero.
    """
    return (1 - 1e-9) / steps if pct_start * steps == 1 else pct_start


def _has_momentum(optimizer: Optimizer) -> bool:
    """Return whether the optimizer has momentum; torch would add it to an SGD without any."""
    return "betas" in optimizer.defaults or optimizer.defaults.get("momentum", 0) > 0
