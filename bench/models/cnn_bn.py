import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.layers import Classifier, Layers
from bench.registry import Activation, Fraction, ImageSize, Pooling, PositiveInt


class BatchNormCNN(Classifier):
    """A small modern network: 3×3 convolutions with batch norm, one linear layer.

    Each of `depth` stages convolves, normalises, activates and pools; the first has `channels`
    maps, each further one twice as many. Without batch norm, convolutions have a bias instead.
    Shapes are those of the defaults; `dropout` is before the linear layer. Raises ValueError if
    pooling would leave an empty map.
    """

    def __init__(
        self,
        *,
        channels: PositiveInt = 16,
        depth: PositiveInt = 3,
        activation: Activation = "relu",
        pooling: Pooling = "max",
        batch_norm: bool = True,
        dropout: Fraction = 0.0,
        classes: PositiveInt = 10,
        in_channels: PositiveInt = 1,
        image_size: ImageSize = 28,
    ) -> None:
        super().__init__()
        # Batch norm subtracts the mean, which cancels a bias.
        layers = Layers(
            channels=in_channels,
            image_size=image_size,
            activation=activation,
            batch_norm=batch_norm,
            bias=not batch_norm,
        )
        self.stages = nn.Sequential(  # (N, 1, 28, 28) -> (N, 64, 3, 3)
            *(
                nn.Sequential(layers.convolve(channels * 2**i, 3, padding=1), layers.pool(pooling))
                for i in range(depth)
            )
        )
        self.dropout = nn.Dropout(dropout)  # (N, 576) -> (N, 576)
        self.output = nn.Linear(layers.features, classes)  # (N, 576) -> (N, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, in_channels, H, W) to log-probabilities (N, classes)."""
        x = self.stages(images)
        x = x.flatten(1)  # (N, 64, 3, 3) -> (N, 576)
        return F.log_softmax(self.output(self.dropout(x)), dim=1)
