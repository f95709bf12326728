import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.layers import Classifier, Layers
from bench.registry import Activation, Fraction, ImageSize, NonNegativeInt, PositiveInt


class MLP(Classifier):
    """`depth` hidden layers of `hidden` units; depth 0 is softmax regression.

    Shapes are those of the defaults; `dropout` is before the last layer.
    """

    def __init__(
        self,
        *,
        depth: NonNegativeInt = 2,
        hidden: PositiveInt = 512,
        activation: Activation = "relu",
        batch_norm: bool = False,
        dropout: Fraction = 0.0,
        classes: PositiveInt = 10,
        in_channels: PositiveInt = 1,
        image_size: ImageSize = 28,
    ) -> None:
        super().__init__()
        layers = Layers(
            channels=in_channels,
            image_size=image_size,
            activation=activation,
        )
        self.flatten = nn.Flatten()  # (N, 1, 28, 28) -> (N, 784)
        self.hidden = nn.Sequential(  # (N, 784) -> (N, 512)
            *(layers.hidden(hidden, batch_norm=batch_norm) for _ in range(depth))
        )
        self.dropout = nn.Dropout(dropout)  # (N, 512) -> (N, 512)
        self.output = nn.Linear(layers.features, classes)  # (N, 512) -> (N, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, in_channels, H, W) to log-probabilities (N, classes)."""
        x = self.hidden(self.flatten(images))
        x = self.output(self.dropout(x))
        return F.log_softmax(x, dim=1)
