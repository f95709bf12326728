"""The network of PyTorch's MNIST example: 1,199,882 parameters."""

import torch.nn.functional as F
from torch import Tensor, nn


class Net(nn.Module):
    """Two 3×3 convolutions, pooling, two linear layers, dropout; log-probabilities."""

    def __init__(self, dropout: float = 0.25, hidden_dropout: float = 0.5) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Dropout(dropout), nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(),
            nn.Dropout(hidden_dropout), nn.Linear(128, 10),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        """Return the log-probabilities (N, 10) of images (N, 1, 28, 28)."""
        return F.log_softmax(self.layers(images), dim=1)
