"""Muon: momentum whose matrices are made orthogonal; other parameters are AdamW's.

Jordan et al. (2024), Muon: an optimizer for hidden layers in neural networks,
https://kellerjordan.github.io/posts/muon/. torch.optim.Muon takes matrices only, and is newer than
the oldest torch that is supported.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.registry import Fraction, NonNegativeFloat, PositiveFloat

ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ADAM_BETAS = (0.9, 0.999)
EPS = 1e-8  # of AdamW


class Muon(Optimizer):
    """Muon for parameters of two or more dimensions but the last; AdamW for it and for vectors.

    The last one is the classifier's, as networks declare their layers in order. Convolutions count
    as matrices (out, rest). AdamW's rate is `lr` times `adam_lr` / `lr` of the start: all groups
    have one `lr`, so that any schedule scales both alike.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        *,
        lr: PositiveFloat = 0.02,
        momentum: Fraction = 0.95,
        adam_lr: PositiveFloat = 3e-4,
        weight_decay: NonNegativeFloat = 0.0,
    ) -> None:
        parameters = list(params)
        matrices = [parameter for parameter in parameters if parameter.ndim >= 2][:-1]
        hidden = set(map(id, matrices))
        others = [parameter for parameter in parameters if id(parameter) not in hidden]
        groups = [
            {"params": members, "is_muon": is_muon, "adam_share": adam_lr / lr}
            for members, is_muon in ((matrices, True), (others, False))
            if members
        ]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            lr = group["lr"] * (1.0 if group["is_muon"] else group["adam_share"])
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - lr * group["weight_decay"])
                    if group["is_muon"]:
                        update = self._orthogonal_momentum(parameter, group["momentum"])
                    else:
                        update = self._adam_update(parameter)
                    parameter.add_(update, alpha=-lr)
        return loss

    def _orthogonal_momentum(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        """Return the update of Nesterov's momentum, as an almost orthogonal matrix.

        Tall matrices get larger updates, as in the code of the post.
        """
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        average: Tensor = state["momentum"].mul_(momentum).add_(gradient)
        matrix = gradient.add(average, alpha=momentum).flatten(1)
        scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
        return orthogonalised(matrix).mul(scale).reshape(parameter.shape)

    def _adam_update(self, parameter: nn.Parameter) -> Tensor:
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if not state:
            state.update(steps=0, mean=torch.zeros_like(parameter))
            state["square"] = torch.zeros_like(parameter)
        state["steps"] += 1
        beta1, beta2 = ADAM_BETAS
        mean = state["mean"].lerp_(gradient, 1 - beta1)
        square = state["square"].lerp_(gradient.square(), 1 - beta2)
        deviation = (square / (1 - beta2 ** state["steps"])).sqrt_().add_(EPS)
        update: Tensor = mean / (1 - beta1 ** state["steps"]) / deviation
        return update


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return U V* of the singular value decomposition, but for singular values near 1.

    By a Newton–Schulz iteration of a quintic polynomial; in bfloat16 on a GPU, as in the post.
    """
    a, b, c = COEFFICIENTS
    x = matrix.bfloat16() if matrix.is_cuda else matrix.float()
    is_tall = x.shape[0] > x.shape[1]
    if is_tall:  # the smaller products
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = x.T if is_tall else x
    return result.to(matrix.dtype)
