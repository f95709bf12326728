"""Lion, an optimizer found by program search.

Chen et al. (2023), Symbolic discovery of optimization algorithms, arXiv:2302.06675, algorithm 2.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.registry import Fraction, NonNegativeFloat, PositiveFloat


class Lion(Optimizer):
    """Steps by the sign of an average of gradients, of equal length in every weight.

    Its lr is usually 3 to 10 times smaller than Adam's (section 5).
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        *,
        lr: PositiveFloat = 1e-4,
        beta1: Fraction = 0.9,
        beta2: Fraction = 0.99,
        weight_decay: NonNegativeFloat = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": (beta1, beta2), "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is not None:
                    average = self._average(parameter)
                    direction = torch.lerp(parameter.grad, average, beta1).sign_()
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(direction, alpha=-group["lr"])
                    average.lerp_(parameter.grad, 1 - beta2)
        return loss

    def _average(self, parameter: nn.Parameter) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["average"] = torch.zeros_like(parameter)
        average: Tensor = state["average"]
        return average
