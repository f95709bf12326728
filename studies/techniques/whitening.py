import torch
import torch.nn.functional as F
from torch import nn

from bench.optim.training_steps import default


def whitening(training, images, labels, eps: float = 0.01):
    """Before the first step, set and freeze the first convolution to whiten the images' patches."""
    if training.steps == 0:
        conv = next(m for m in training.model.modules() if isinstance(m, nn.Conv2d))
        patches = F.unfold(images, conv.kernel_size).transpose(1, 2).flatten(0, 1)
        values, vectors = torch.linalg.eigh(patches.T.cov())
        filters = (vectors / (values + eps).sqrt()).T.flip(0)[: len(conv.weight) // 2]
        conv.weight.data = torch.cat([filters, -filters]).view_as(conv.weight)
        conv.weight.requires_grad = False
    return default(training, images, labels)
