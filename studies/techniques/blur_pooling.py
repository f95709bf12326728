from torch import nn

from bench.models.cnn_bn import BatchNormCNN


class BlurPooledCNN(BatchNormCNN):
    """The network `cnn_bn` with max pooling of stride 1, then a [1, 2, 1] / 4 blur of stride 2."""

    def __init__(self, channels: int = 8, in_channels: int = 1, classes: int = 10, image_size=28):
        data = {"in_channels": in_channels, "classes": classes, "image_size": image_size}
        super().__init__(channels=channels, **data)
        for stage in self.stages:
            blur = (nn.ReflectionPad2d(1), nn.AvgPool2d(2, 1), nn.AvgPool2d(2, 2))
            stage[1] = nn.Sequential(nn.MaxPool2d(2, 1), *blur)
