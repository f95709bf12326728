import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.layers import Classifier, Layers
from bench.registry import Activation, Fraction, ImageSize, NonNegativeInt, Pooling, PositiveInt


class LeNet5(Classifier):
    """LeNet-5 as in textbooks today, every unit connected to all input layers.

    `lenet5_1998` is the network of the paper. `padding` is conv1's zero padding on each side.
    Shapes are those of the defaults. A layer of size 0 is left out with its activation, but not
    its pooling. `kernel_size` overrides both convolutions' kernels; `dropout` is before the last
    layer; `bias` does not affect batch norm. Raises ValueError if a map would be empty.
    """

    def __init__(
        self,
        *,
        padding: int = 2,
        conv1_channels: NonNegativeInt = 6,
        conv1_kernel: PositiveInt = 5,
        conv2_channels: NonNegativeInt = 16,
        conv2_kernel: PositiveInt = 5,
        kernel_size: PositiveInt | None = None,
        hidden1: NonNegativeInt = 120,
        hidden2: NonNegativeInt = 84,
        activation: Activation = "tanh",
        pooling: Pooling = "average",
        bias: bool = True,
        batch_norm: bool = False,
        dropout: Fraction = 0.0,
        classes: PositiveInt = 10,
        in_channels: PositiveInt = 1,
        image_size: ImageSize = 28,
    ) -> None:
        super().__init__()
        if padding < 0:
            raise ValueError(f"padding={padding} is negative")
        layers = Layers(
            channels=in_channels,
            image_size=image_size,
            activation=activation,
            batch_norm=batch_norm,
            bias=bias,
        )
        self.conv1 = layers.convolve(  # (N, 1, 28, 28) -> (N, 6, 28, 28)
            conv1_channels, kernel_size or conv1_kernel, parameter="conv1_kernel", padding=padding
        )
        self.pool1 = layers.pool(pooling)  # (N, 6, 28, 28) -> (N, 6, 14, 14)
        self.conv2 = layers.convolve(  # (N, 6, 14, 14) -> (N, 16, 10, 10)
            conv2_channels, kernel_size or conv2_kernel, parameter="conv2_kernel"
        )
        self.pool2 = layers.pool(pooling)  # (N, 16, 10, 10) -> (N, 16, 5, 5)
        self.fc1 = layers.hidden(hidden1)  # (N, 400) -> (N, 120)
        self.fc2 = layers.hidden(hidden2)  # (N, 120) -> (N, 84)
        self.dropout = nn.Dropout(dropout)  # (N, 84) -> (N, 84)
        self.fc3 = nn.Linear(layers.features, classes, bias=bias)  # (N, 84) -> (N, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, in_channels, H, W) to log-probabilities (N, classes)."""
        x = self.pool1(self.conv1(images))
        x = self.pool2(self.conv2(x))
        x = x.flatten(1)  # (N, 16, 5, 5) -> (N, 400)
        x = self.dropout(self.fc2(self.fc1(x)))
        return F.log_softmax(self.fc3(x), dim=1)
