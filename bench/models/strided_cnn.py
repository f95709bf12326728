import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.layers import Classifier, Layers
from bench.registry import Activation, Fraction, ImageSize, PositiveInt


class StridedCNN(Classifier):
    """A network designed for speed: its first convolution is strided.

    With stride 2, all later layers have a quarter of the positions, and most of them a quarter of
    the work. Shapes are those of the defaults; `dropout` is before the last layer. Raises
    ValueError if a kernel is larger than its input or pooling would leave an empty map.
    """

    def __init__(
        self,
        *,
        conv1_channels: PositiveInt = 16,
        conv1_kernel: PositiveInt = 6,
        stride: PositiveInt = 2,
        conv2_channels: PositiveInt = 32,
        conv2_kernel: PositiveInt = 3,
        hidden: PositiveInt = 128,
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
            batch_norm=batch_norm,
        )
        self.conv1 = layers.convolve(  # (N, 1, 28, 28) -> (N, 16, 12, 12)
            conv1_channels, conv1_kernel, parameter="conv1_kernel", stride=stride
        )
        self.conv2 = layers.convolve(  # (N, 16, 12, 12) -> (N, 32, 10, 10)
            conv2_channels, conv2_kernel, parameter="conv2_kernel"
        )
        self.pool2 = layers.pool("max")  # (N, 32, 10, 10) -> (N, 32, 5, 5)
        self.fc1 = layers.hidden(hidden)  # (N, 800) -> (N, 128)
        self.dropout = nn.Dropout(dropout)  # (N, 128) -> (N, 128)
        self.fc2 = nn.Linear(hidden, classes)  # (N, 128) -> (N, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, in_channels, H, W) to log-probabilities (N, classes)."""
        x = self.pool2(self.conv2(self.conv1(images)))
        x = x.flatten(1)  # (N, 32, 5, 5) -> (N, 800)
        x = self.fc2(self.dropout(self.fc1(x)))
        return F.log_softmax(x, dim=1)
