"""A network with a known amount of extra work in its training step.

Studies of `count_verdicts.py` import it: `{import: "extra_work:ExtraWork", …}`.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from bench.models import MODELS
from bench.registry import load

MATRIX_SIZE = 64  # one product takes microseconds


class ExtraWork(nn.Module):
    """A network of `bench.models` whose phases take `dose` times longer.

    `phase` is forward, backward, optimizer, or step for all three. The extra time is spent on
    products of small matrices, not asleep, until it is `dose` times what the phase itself just
    took. Since the clock ends it, the true effect is known whatever the machine does. `copy` has
    no effect: it makes cells that are identical.
    """

    def __init__(
        self, network: str = "lenet5", phase: str = "step", dose: float = 0.0, copy: int = 0
    ) -> None:
        super().__init__()
        self.network = load(MODELS[network].target)()
        self.loss = self.network.loss
        self._phases = ("forward", "backward", "optimizer") if phase == "step" else (phase,)
        self._work = _Work(dose)
        self._gradients_left = 0
        if "backward" in self._phases:
            for parameter in self.parameters():
                parameter.register_post_accumulate_grad_hook(self._count_gradient)
        if "optimizer" in self._phases:
            register_optimizer_step_pre_hook(lambda *_: self._work.begin())
            register_optimizer_step_post_hook(lambda *_: self._work.end())

    def forward(self, images: Tensor) -> Tensor:
        """Run the network: (N, 1, 28, 28) -> (N, classes)."""
        is_extended = self.training and "forward" in self._phases
        if is_extended:
            self._work.begin()
        output: Tensor = self.network(images)
        if output.requires_grad and "backward" in self._phases:
            output.register_hook(lambda _: self._begin_backward())
        if is_extended:
            self._work.end()
        return output

    def _begin_backward(self) -> None:
        self._gradients_left = len(list(self.parameters()))
        self._work.begin()

    def _count_gradient(self, _: Tensor) -> None:
        self._gradients_left -= 1
        if self._gradients_left == 0:
            self._work.end()


class _Work:
    """Multiplies matrices for `dose` times the time between `begin` and `end`."""

    def __init__(self, dose: float, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self._dose = dose
        self._clock = clock
        self._matrix: Any = torch.full((MATRIX_SIZE, MATRIX_SIZE), 1 / MATRIX_SIZE)
        self._product = torch.empty(MATRIX_SIZE, MATRIX_SIZE)
        self._began_ns = 0

    def begin(self) -> None:
        self._began_ns = self._clock()

    @torch.no_grad()
    def end(self) -> None:
        now_ns = self._clock()
        until_ns = now_ns + self._dose * (now_ns - self._began_ns)
        while self._clock() < until_ns:
            torch.mm(self._matrix, self._matrix, out=self._product)
