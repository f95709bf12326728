"""Losses of a batch: outputs (N, classes) and targets to a mean, in nats where logarithmic.

Targets are labels (N,) int64, or probabilities of each class (N, classes), as of mixed images.
"""

import torch.nn.functional as F
from torch import Tensor

DEFAULT = "bench.optim.losses:default"


def default(output: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy, where a network has no `loss(output, target)` of its own."""
    return F.cross_entropy(output, target)


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy of outputs as logits."""
    return F.cross_entropy(output, target)


def nll(output: Tensor, target: Tensor) -> Tensor:
    """Return the negative log-likelihood of outputs as log-probabilities."""
    if target.is_floating_point():
        return -(target * output).sum(1).mean()
    return F.nll_loss(output, target)


def square(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared distance of outputs to the probabilities of the classes.

    Those of a label are 1, and 0 for other classes.

    Source: Hui and Belkin (2021), Evaluation of neural architectures trained with square loss vs
    cross-entropy in classification tasks, arXiv:2006.07322.
    """
    if not target.is_floating_point():
        target = F.one_hot(target, output.shape[1])
    return F.mse_loss(output, target.to(output.dtype))
