"""Averages of a network's weights along its training; evaluation looks at the average.

An averaging takes the network and the span of the training, and returns what is told of every
step, or None where nothing is averaged.
"""

from collections.abc import Callable

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bench.optim.schedules import Span
from bench.registry import Fraction, PositiveInt


class Averaging:
    """Keeps the average of a network's parameters and buffers over steps.

    `first_step` is the first after which the weights count, `every_steps` how often they do.
    """

    def __init__(self, average: AveragedModel, first_step: int, every_steps: int) -> None:
        self._average = average
        self._next_step = first_step
        self._every_steps = every_steps

    def stepped(self, model: nn.Module, steps: int) -> None:
        """Take the network as it is after so many steps into the average, if it is its turn."""
        if steps >= self._next_step:
            self._average.update_parameters(model)
            self._next_step = steps + self._every_steps

    def evaluated(self, model: nn.Module) -> nn.Module:
        """Give the network to evaluate: the average, or the network itself before there is one."""
        return self._average.module if int(self._average.n_averaged) else model


def none(model: nn.Module, span: Span) -> None:
    """Keep no average."""


def ema(
    model: nn.Module, span: Span, *, decay: Fraction = 0.99, every_steps: PositiveInt = 1
) -> Averaging:
    """Average exponentially: average ← decay · average + (1 − decay) · weights, a step.

    With `every_steps` the average is moved that much at once and less often. Polyak and Juditsky
    (1992) for averages; the exponential one as in Tarvainen and Valpola (2017).
    """
    moved = get_ema_multi_avg_fn(decay**every_steps)  # type: ignore[no-untyped-call]
    return _averaging(model, moved, first_step=every_steps, every_steps=every_steps)


def tail(
    model: nn.Module, span: Span, *, fraction: Fraction = 0.25, every_steps: PositiveInt = 1
) -> Averaging:
    """Average equally over the last `fraction` of the training (Izmailov et al., 2018)."""
    first_step = max(1, round((1 - fraction) * span.steps))
    return _averaging(model, None, first_step=first_step, every_steps=every_steps)


def _averaging(
    model: nn.Module, moved: Callable[..., None] | None, *, first_step: int, every_steps: int
) -> Averaging:
    average = AveragedModel(model, multi_avg_fn=moved, use_buffers=True)
    return Averaging(average, first_step, every_steps)
