import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.layers import Classifier, Layers
from bench.registry import Activation, ImageSize, PositiveInt


class TinygradMNIST(Classifier):
    """The network of tinygrad's MNIST example, with batch norm after the activation.

    Two convolutions, batch norm and pooling, all of it twice, then one linear layer. Source:
    https://github.com/tinygrad/tinygrad/blob/master/examples/beautiful_mnist.py. Shapes are those
    of the defaults.
    """

    def __init__(
        self,
        *,
        activation: Activation = "relu",
        batch_norm: bool = True,
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
        norm = nn.BatchNorm2d if batch_norm else nn.Identity
        self.conv1 = layers.convolve(32, 5)  # (N, 1, 28, 28) -> (N, 32, 24, 24)
        self.conv2 = layers.convolve(32, 5)  # (N, 32, 24, 24) -> (N, 32, 20, 20)
        self.norm1 = norm(layers.channels)  # (N, 32, 20, 20) -> (N, 32, 20, 20)
        self.pool1 = layers.pool("max")  # (N, 32, 20, 20) -> (N, 32, 10, 10)
        self.conv3 = layers.convolve(64, 3)  # (N, 32, 10, 10) -> (N, 64, 8, 8)
        self.conv4 = layers.convolve(64, 3)  # (N, 64, 8, 8) -> (N, 64, 6, 6)
        self.norm2 = norm(layers.channels)  # (N, 64, 6, 6) -> (N, 64, 6, 6)
        self.pool2 = layers.pool("max")  # (N, 64, 6, 6) -> (N, 64, 3, 3)
        self.output = nn.Linear(layers.features, classes)  # (N, 576) -> (N, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, in_channels, H, W) to log-probabilities (N, classes)."""
        x = self.conv2(self.conv1(images))
        x = self.pool1(self.norm1(x))
        x = self.conv4(self.conv3(x))
        x = self.pool2(self.norm2(x))
        x = x.flatten(1)  # (N, 64, 3, 3) -> (N, 576)
        return F.log_softmax(self.output(x), dim=1)
