import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.classifier import Classifier
from bench.models.layers import ACTIVATIONS, IMAGE_SIDE, POOLINGS, convolved, pooled
from bench.registry import Activation, Pooling, PositiveInt


class LeNet5(Classifier):
    """Classify with LeNet-5 as textbooks draw it today, every unit connected to all maps below.

    `lenet5_1998` is the network of the paper. `padding` is conv1's, in pixels of zero a side.
    Shapes are those of the defaults. Raises ValueError where a map would be left empty.
    """

    def __init__(
        self,
        *,
        padding: int = 2,
        conv1_channels: PositiveInt = 6,
        conv1_kernel: PositiveInt = 5,
        conv2_channels: PositiveInt = 16,
        conv2_kernel: PositiveInt = 5,
        hidden1: PositiveInt = 120,
        hidden2: PositiveInt = 84,
        activation: Activation = "tanh",
        pooling: Pooling = "average",
        classes: PositiveInt = 10,
    ) -> None:
        super().__init__()
        if padding < 0:
            raise ValueError(f"padding={padding} is negative")
        side = convolved(IMAGE_SIDE, conv1_kernel, parameter="conv1_kernel", padding=padding)
        side = pooled(side, pooling)
        side = pooled(convolved(side, conv2_kernel, parameter="conv2_kernel"), pooling)
        features = conv2_channels * side * side
        self.activation = ACTIVATIONS[activation]
        self.conv1 = nn.Conv2d(  # (N, 1, 28, 28) -> (N, 6, 28, 28)
            1, conv1_channels, conv1_kernel, padding=padding
        )
        self.pool1 = POOLINGS[pooling]()  # (N, 6, 28, 28) -> (N, 6, 14, 14)
        self.conv2 = nn.Conv2d(  # (N, 6, 14, 14) -> (N, 16, 10, 10)
            conv1_channels, conv2_channels, conv2_kernel
        )
        self.pool2 = POOLINGS[pooling]()  # (N, 16, 10, 10) -> (N, 16, 5, 5)
        self.fc1 = nn.Linear(features, hidden1)  # (N, 400) -> (N, 120)
        self.fc2 = nn.Linear(hidden1, hidden2)  # (N, 120) -> (N, 84)
        self.fc3 = nn.Linear(hidden2, classes)  # (N, 84) -> (N, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, 1, 28, 28) to log-probabilities (N, classes)."""
        x = self.pool1(self.activation(self.conv1(images)))
        x = self.pool2(self.activation(self.conv2(x)))
        x = x.flatten(1)  # (N, 16, 5, 5) -> (N, 400)
        x = self.activation(self.fc1(x))
        x = self.activation(self.fc2(x))
        return F.log_softmax(self.fc3(x), dim=1)
