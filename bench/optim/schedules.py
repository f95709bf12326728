"""Learning-rate schedules; each is stepped once after every training step.

A schedule takes the optimizer and the span of the training, and returns torch's scheduler, or
None where nothing changes. What the span leaves open is a study's to set.
"""

from dataclasses import dataclass
from typing import Literal

from torch.optim import Optimizer, lr_scheduler

from bench.registry import Fraction, NonNegativeFloat, PositiveFloat, PositiveInt


@dataclass(frozen=True)
class Span:
    """How long a training is."""

    epochs: int
    steps_per_epoch: int

    @property
    def steps(self) -> int:
        """Steps of the whole training, at least 1."""
        return max(1, self.epochs * self.steps_per_epoch)


def constant(optimizer: Optimizer, span: Span) -> None:
    """Leave the learning rate as the optimizer has it."""


def step(
    optimizer: Optimizer, span: Span, *, every_epochs: PositiveInt = 5, gamma: Fraction = 0.5
) -> lr_scheduler.LRScheduler:
    """Multiply the learning rate by `gamma` every `every_epochs` epochs."""
    return lr_scheduler.StepLR(optimizer, every_epochs * span.steps_per_epoch, gamma)


def cosine(
    optimizer: Optimizer, span: Span, *, final_lr: NonNegativeFloat = 0.0
) -> lr_scheduler.LRScheduler:
    """Take the learning rate along half a cosine to `final_lr` (Loshchilov and Hutter, 2017)."""
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
    """Rise to `max_lr` (the optimizer's lr where not given), then fall far below the start.

    Momentum (Adam's beta1), where the optimizer trains with it, moves the other way between 0.85
    and 0.95, as torch does by default, unless `cycle_momentum` is off. Smith, "A disciplined
    approach to neural network hyper-parameters", 2018.
    """
    peak = max_lr if max_lr is not None else float(optimizer.param_groups[0]["lr"])
    return lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=peak,
        total_steps=span.steps,
        pct_start=_warmed_up(pct_start, span.steps),
        div_factor=div_factor,
        final_div_factor=final_div_factor,
        anneal_strategy=anneal,
        cycle_momentum=cycle_momentum and _has_momentum(optimizer),
    )


def _warmed_up(pct_start: float, steps: int) -> float:
    """Return `pct_start`, but for a rise of exactly one step a little less.

    The rate is at its peak from the first step on, as it is after a shorter rise; torch itself
    would divide by the rise's length, zero.
    """
    return (1 - 1e-9) / steps if pct_start * steps == 1 else pct_start


def _has_momentum(optimizer: Optimizer) -> bool:
    """Tell whether there is momentum to move; torch itself would give some to an SGD with none."""
    return "betas" in optimizer.defaults or optimizer.defaults.get("momentum", 0) > 0
