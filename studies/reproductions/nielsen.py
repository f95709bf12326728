"""The network of chapter 1 of Nielsen's "Neural Networks and Deep Learning": 23,860 parameters."""

import torch.nn.functional as F
from torch import Tensor, nn


class Net(nn.Module):
    """Two layers of sigmoid neurons, their weights and biases drawn from a standard normal."""

    def __init__(self, hidden: int = 30) -> None:
        super().__init__()
        self.hidden, self.output = nn.Linear(28 * 28, hidden), nn.Linear(hidden, 10)
        for parameter in self.parameters():
            nn.init.normal_(parameter)

    def forward(self, images: Tensor) -> Tensor:
        """Return the activations (N, 10) of images (N, 1, 28, 28)."""
        return self.output(self.hidden(images.flatten(1)).sigmoid()).sigmoid()

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return half the squared distance from the one-hot label, a mean over the batch."""
        one_hot = F.one_hot(target, 10).to(output.dtype)
        return (output - one_hot).square().sum(dim=1).mean() / 2
