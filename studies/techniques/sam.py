import torch
from torch import nn


def sam(training, images, labels, rho: float = 0.05):
    """Update by the gradients at the distance `rho` uphill (algorithm 1 of the paper)."""
    training.optimizer.zero_grad()
    training.backward(training.loss(images, labels))
    weights = [weight for weight in training.model.parameters() if weight.grad is not None]
    norm = nn.utils.get_total_norm([weight.grad for weight in weights]) + 1e-12
    uphill = [weight.grad * (rho / norm) for weight in weights]
    torch._foreach_add_([weight.data for weight in weights], uphill)
    training.optimizer.zero_grad()
    loss = training.backward(training.loss(images, labels))
    torch._foreach_sub_([weight.data for weight in weights], uphill)
    training.update()
    return loss
