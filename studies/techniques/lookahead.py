import torch


class Lookahead(torch.optim.SGD):
    """SGD; every `k` steps slow weights move by `alpha` to the fast ones, which restart there."""

    def __init__(self, params, lr: float, momentum: float = 0.9, k: int = 5, alpha: float = 0.5):
        super().__init__(params, lr, momentum)
        self.k, self.alpha, self.steps = k, alpha, 0
        self.fast = [weight.data for group in self.param_groups for weight in group["params"]]
        self.slow = [weight.clone() for weight in self.fast]

    def step(self, closure=None):
        """Take a step of SGD and, after every `k` of them, one of the slow weights."""
        super().step(closure)
        self.steps += 1
        if self.steps % self.k == 0:
            torch._foreach_lerp_(self.slow, self.fast, self.alpha)
            torch._foreach_copy_(self.fast, self.slow)
