import torch.nn.functional as F
from torch import nn


class Classifier(nn.Module):
    """Map images (N, 1, 28, 28) to log-probabilities (N, classes).

    Every network here returns log-probabilities and brings its criterion along, so that
    training calls `model.loss(output, target)` and never asks which network it has.
    `target` holds class numbers, int64, (N,).
    """

    loss = staticmethod(F.nll_loss)
