"""Optimizers that torch has only in part or not at all: Muon and Lion."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.registry import Fraction, NonNegativeFloat, PositiveFloat

ITERATIONS = 5
# Of the polynomial a·x + b·x³ + c·x⁵, applied to the singular values: largest slope at 0 for values
# that end between about 0.7 and 1.2.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
EPS = 1e-7


class Muon(Optimizer):
    """Orthogonalised momentum for all weights of two or more dimensions but the last.

    A convolution's weights are a matrix (outputs, inputs × height × width). The last matrix is the
    classifier's: it and all vectors get Adam. Weight decay is decoupled and applies to both.
    Source: Jordan et al. (2024), Muon, https://kellerjordan.github.io/posts/muon/.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        lr: PositiveFloat = 0.02,
        momentum: Fraction = 0.95,
        weight_decay: NonNegativeFloat = 0.0,
        adam_lr: PositiveFloat = 0.001,
        adam_beta1: Fraction = 0.9,
        adam_beta2: Fraction = 0.999,
    ) -> None:
        given = list(parameters)
        hidden = [p for p in given if p.ndim >= 2][:-1]
        ids = {id(p) for p in hidden}
        rest = [p for p in given if id(p) not in ids]
        groups: list[dict[str, Any]] = [
            {"params": hidden, "lr": lr, "momentum": momentum, "is_adam": False},
            {"params": rest, "lr": adam_lr, "betas": (adam_beta1, adam_beta2), "is_adam": True},
        ]
        super().__init__([g for g in groups if g["params"]], {"weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all parameters that have a gradient."""
        for group in self.param_groups:
            update = _adam if group["is_adam"] else _orthogonal
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                change = update(parameter.grad, self.state[parameter], group)
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(change.view_as(parameter), alpha=-group["lr"])


def _orthogonal(gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
    """Return the orthogonalised Nesterov momentum of a gradient, as a matrix."""
    average: Tensor = state.setdefault("momentum", torch.zeros_like(gradient))
    average.lerp_(gradient, 1 - group["momentum"])
    matrix = gradient.lerp(average, group["momentum"]).flatten(1)
    rows, columns = matrix.shape
    scale: float = max(1.0, rows / columns) ** 0.5
    return orthogonalised(matrix) * scale


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return nearly the closest matrix with singular values of 1, by Newton and Schulz.

    For (rows, columns); singular values end between about 0.7 and 1.2.
    """
    a, b, c = COEFFICIENTS
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if is_tall else matrix
    x = x / (x.norm() + EPS)
    for _ in range(ITERATIONS):
        product = x @ x.T
        x = a * x + (b * product + c * product @ product) @ x
    found: Tensor = x.T if is_tall else x
    return found


def _adam(gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
    """Return Adam's update (Kingma and Ba, 2015, algorithm 1)."""
    beta1, beta2 = group["betas"]
    mean: Tensor = state.setdefault("mean", torch.zeros_like(gradient))
    square: Tensor = state.setdefault("square", torch.zeros_like(gradient))
    state["steps"] = steps = state.get("steps", 0) + 1
    mean.lerp_(gradient, 1 - beta1)
    square.lerp_(gradient.square(), 1 - beta2)
    deviation = (square / (1 - beta2**steps)).sqrt() + 1e-8
    return mean.div(1 - beta1**steps).div_(deviation)


class Lion(Optimizer):
    """The sign of an interpolated momentum, with decoupled weight decay.

    Source: Chen et al. (2023), Symbolic Discovery of Optimization Algorithms, arXiv:2302.06675,
    algorithm 2.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        lr: PositiveFloat = 0.0001,
        beta1: Fraction = 0.9,
        beta2: Fraction = 0.99,
        weight_decay: NonNegativeFloat = 0.0,
    ) -> None:
        defaults = {"lr": lr, "betas": (beta1, beta2), "weight_decay": weight_decay}
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all parameters that have a gradient."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(momentum.lerp(parameter.grad, 1 - beta1).sign(), alpha=-group["lr"])
                momentum.lerp_(parameter.grad, 1 - beta2)
