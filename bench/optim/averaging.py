"""Averages of a network's weights over training, used in evaluation.

An averaging takes the network and the span of training, and returns an `Averaging`, or None.
"""

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bench.optim.schedules import Span
from bench.registry import Fraction, PositiveInt


class Averaging:
    """Average of a network's parameters and buffers over steps.

    `first_step` is the first step whose weights are included, `every_steps` the interval.
    """

    def __init__(self, average: AveragedModel, first_step: int, every_steps: int) -> None:
        self._average = average
        self._next_step = first_step
        self._every_steps = every_steps

    def after_step(self, model: nn.Module, steps: int) -> None:
        """Update the average with the network after `steps` steps, if this step is included."""
        if steps >= self._next_step:
            self._average.update_parameters(model)
            self._next_step = steps + self._every_steps

    def evaluation_model(self, model: nn.Module) -> nn.Module:
        """Return the averaged network, or the network itself before the first update."""
        return self._average.module if int(self._average.n_averaged) else model


def none(model: nn.Module, span: Span) -> None:
    """Return None: no averaging."""


def ema(
    model: nn.Module, span: Span, *, decay: Fraction = 0.99, every_steps: PositiveInt = 1
) -> Averaging:
    """Return an exponential moving average with this decay per step.

    With `every_steps` > 1 it is updated less often, with decay^every_steps. Polyak and Juditsky
    (1992) on averaging; the exponential average as in Tarvainen and Valpola (2017).
    """
    update = get_ema_multi_avg_fn(decay**every_steps)  # type: ignore[no-untyped-call]
    average = AveragedModel(model, multi_avg_fn=update, use_buffers=True)
    return Averaging(average, every_steps, every_steps)


def tail(
    model: nn.Module, span: Span, *, fraction: Fraction = 0.25, every_steps: PositiveInt = 1
) -> Averaging:
    """Return an equal average over the last `fraction` of training (Izmailov et al., 2018)."""
    first_step = max(1, round((1 - fraction) * span.steps))
    return Averaging(AveragedModel(model, use_buffers=True), first_step, every_steps)
