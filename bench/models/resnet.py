import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.layers import Classifier
from bench.registry import Fraction, PositiveInt

STAGES = 3


class ResNet(Classifier):
    """A residual network for small images: three stages of `blocks` blocks, average pooling.

    He et al. (2016), Deep residual learning, arXiv:1512.03385, section 4.2: 6 · blocks + 2 layers,
    each stage with half the size and twice the channels of the one before; here a projection
    (option B) instead of padding where channels change. Takes images of any size. Shapes are those
    of the defaults. `stochastic_depth` is the probability that training leaves out the last block;
    it rises linearly from 0 (Huang et al., 2016, arXiv:1603.09382, section 3).
    """

    def __init__(
        self,
        *,
        blocks: PositiveInt = 1,
        channels: PositiveInt = 16,
        stochastic_depth: Fraction = 0.0,
        classes: PositiveInt = 10,
        in_channels: PositiveInt = 1,
    ) -> None:
        super().__init__()
        total = STAGES * blocks
        self.stem = nn.Sequential(  # (N, 1, 28, 28) -> (N, 16, 28, 28)
            nn.Conv2d(in_channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        made = []
        for i in range(total):
            stage, inner = divmod(i, blocks)
            outputs = channels * 2**stage
            is_first = inner == 0 and stage > 0
            inputs = outputs // 2 if is_first else outputs
            drop = stochastic_depth * (i + 1) / total
            made.append(Block(inputs, outputs, stride=2 if is_first else 1, drop=drop))
        self.blocks = nn.Sequential(*made)  # (N, 16, 28, 28) -> (N, 64, 7, 7)
        self.pool = nn.AdaptiveAvgPool2d(1)  # (N, 64, 7, 7) -> (N, 64, 1, 1)
        self.output = nn.Linear(outputs, classes)  # (N, 64) -> (N, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, in_channels, H, W) to log-probabilities (N, classes)."""
        x = self.pool(self.blocks(self.stem(images)))
        x = x.flatten(1)  # (N, 64, 1, 1) -> (N, 64)
        return F.log_softmax(self.output(x), dim=1)


class Block(nn.Module):
    """Two convolutions beside a shortcut; with the probability `drop` training uses only this."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, drop: float) -> None:
        super().__init__()
        self.drop = drop
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        shortcut = self.shortcut(x)
        if self.training and self.drop and torch.rand(()) < self.drop:
            return F.relu(shortcut)
        share = 1.0 if self.training else 1 - self.drop  # of the branch in training, on average
        return F.relu(shortcut + share * self.branch(x))
