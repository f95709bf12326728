"""A network with a known amount of extra work in its training step, to see whether it is found.

Used by `count_verdicts.py` through the study file's own door: `{import: "extra_work:Dosed", …}`.
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

SIDE = 64  # of the matrices that are multiplied: one product takes microseconds


class Dosed(nn.Module):
    """A network of `bench.models` whose phases do `dose` times their own work on top.

    `phase` is forward, backward, optimizer, or step for all three. The extra is computing, not
    sleeping: products of small matrices until it has taken `dose` of the time that the phase
    itself just took. Counted by the clock, so that the true effect is known exactly whatever the
    machine does. `copy` changes nothing: it makes cells that are the same.
    """

    def __init__(
        self, network: str = "lenet5", phase: str = "step", dose: float = 0.0, copy: int = 0
    ) -> None:
        super().__init__()
        self.network = load(MODELS[network].target)()
        self.loss = self.network.loss
        self._phases = ("forward", "backward", "optimizer") if phase == "step" else (phase,)
        self._work = _Work(dose)
        self._left_to_fill = 0
        if "backward" in self._phases:
            self._dose_backward()
        if "optimizer" in self._phases:
            register_optimizer_step_pre_hook(lambda *_: self._work.begin())
            register_optimizer_step_post_hook(lambda *_: self._work.end())

    def forward(self, images: Tensor) -> Tensor:
        """Run the network: (N, 1, 28, 28) -> (N, classes)."""
        if not self.training or "forward" not in self._phases:
            return self._marked(self.network(images))
        self._work.begin()
        output = self._marked(self.network(images))
        self._work.end()
        return output

    def _marked(self, output: Tensor) -> Tensor:
        """Note the moment at which backward reaches the network."""
        if output.requires_grad and "backward" in self._phases:
            output.register_hook(lambda _: self._begin_backward())
        return output

    def _begin_backward(self) -> None:
        self._left_to_fill = len(list(self.parameters()))
        self._work.begin()

    def _dose_backward(self) -> None:
        """Work when the last gradient of a step has been filled."""
        for parameter in self.parameters():
            parameter.register_post_accumulate_grad_hook(self._filled)

    def _filled(self, _: Tensor) -> None:
        self._left_to_fill -= 1
        if self._left_to_fill == 0:
            self._work.end()


class _Work:
    """Multiplies matrices for a given part of the time between `begin` and `end`."""

    def __init__(self, dose: float, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self._dose = dose
        self._clock = clock
        self._matrix: Any = torch.full((SIDE, SIDE), 1 / SIDE)
        self._into = torch.empty(SIDE, SIDE)
        self._began_ns = 0

    def begin(self) -> None:
        self._began_ns = self._clock()

    @torch.no_grad()
    def end(self) -> None:
        now_ns = self._clock()
        until_ns = now_ns + self._dose * (now_ns - self._began_ns)
        while self._clock() < until_ns:
            torch.mm(self._matrix, self._matrix, out=self._into)
