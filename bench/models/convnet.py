import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.layers import Classifier, Layers
from bench.registry import Activation, Fraction, ImageSize, NonNegativeInt, Pooling, PositiveInt


class ConvNet(Classifier):
    """The reference script's network: two convolutions, then two linear layers.

    Layers are created in the script's order and under its names, so that the same seed gives the
    same initial parameters. Shapes are those of the defaults. A layer of size 0 is left out with
    its activation, but not its pooling. `kernel_size` overrides both convolutions' kernels;
    `dropout` is before the last layer; `bias` does not affect batch norm. Raises ValueError if a
    kernel is larger than its input.
    """

    def __init__(
        self,
        *,
        conv1_channels: NonNegativeInt = 10,
        conv1_kernel: PositiveInt = 5,
        conv2_channels: NonNegativeInt = 20,
        conv2_kernel: PositiveInt = 3,
        kernel_size: PositiveInt | None = None,
        hidden: NonNegativeInt = 500,
        activation: Activation = "relu",
        pooling: Pooling = "max",
        bias: bool = True,
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
            batch_norm=batch_norm,
            bias=bias,
        )
        self.conv1 = layers.convolve(  # (N, 1, 28, 28) -> (N, 10, 24, 24)
            conv1_channels, kernel_size or conv1_kernel, parameter="conv1_kernel"
        )
        self.pool1 = layers.pool(pooling)  # (N, 10, 24, 24) -> (N, 10, 12, 12)
        self.conv2 = layers.convolve(  # (N, 10, 12, 12) -> (N, 20, 10, 10)
            conv2_channels, kernel_size or conv2_kernel, parameter="conv2_kernel"
        )
        self.fc1 = layers.hidden(hidden)  # (N, 2000) -> (N, 500)
        self.dropout = nn.Dropout(dropout)  # (N, 500) -> (N, 500)
        self.fc2 = nn.Linear(layers.features, classes, bias=bias)  # (N, 500) -> (N, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, in_channels, H, W) to log-probabilities (N, classes)."""
        x = self.conv2(self.pool1(self.conv1(images)))
        x = x.flatten(1)  # (N, 20, 10, 10) -> (N, 2000)
        x = self.fc2(self.dropout(self.fc1(x)))
        return F.log_softmax(x, dim=1)
