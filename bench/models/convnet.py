import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.classifier import Classifier
from bench.models.layers import ACTIVATIONS, IMAGE_SIDE, POOLINGS, convolved, pooled
from bench.registry import Activation, Pooling, PositiveInt


class ConvNet(Classifier):
    """Classify with the reference script's network: two convolutions, then two linear layers.

    The layers are made in the script's order and under its names, so that one seed gives both
    the same initial parameters. Shapes are those of the defaults. Raises ValueError where a
    kernel does not fit into its input.
    """

    def __init__(
        self,
        *,
        conv1_channels: PositiveInt = 10,
        conv1_kernel: PositiveInt = 5,
        conv2_channels: PositiveInt = 20,
        conv2_kernel: PositiveInt = 3,
        hidden: PositiveInt = 500,
        activation: Activation = "relu",
        pooling: Pooling = "max",
        classes: PositiveInt = 10,
    ) -> None:
        super().__init__()
        side = pooled(convolved(IMAGE_SIDE, conv1_kernel, parameter="conv1_kernel"), pooling)
        side = convolved(side, conv2_kernel, parameter="conv2_kernel")
        features = conv2_channels * side * side
        self.activation = ACTIVATIONS[activation]
        self.conv1 = nn.Conv2d(1, conv1_channels, conv1_kernel)  # (N, 1, 28, 28) -> (N, 10, 24, 24)
        self.pool1 = POOLINGS[pooling]()  # (N, 10, 24, 24) -> (N, 10, 12, 12)
        self.conv2 = nn.Conv2d(  # (N, 10, 12, 12) -> (N, 20, 10, 10)
            conv1_channels, conv2_channels, conv2_kernel
        )
        self.fc1 = nn.Linear(features, hidden)  # (N, 2000) -> (N, 500)
        self.fc2 = nn.Linear(hidden, classes)  # (N, 500) -> (N, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, 1, 28, 28) to log-probabilities (N, classes)."""
        x = self.pool1(self.activation(self.conv1(images)))
        x = self.activation(self.conv2(x))
        x = x.flatten(1)  # (N, 20, 10, 10) -> (N, 2000)
        x = self.activation(self.fc1(x))
        return F.log_softmax(self.fc2(x), dim=1)
