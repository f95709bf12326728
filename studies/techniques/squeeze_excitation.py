from torch import nn

from bench.models import cnn_bn


class SqueezeExcitationCNN(cnn_bn.BatchNormCNN):
    """The network `cnn_bn` with squeeze-and-excitation after each convolution."""

    def __init__(self, channels: int = 8, reduction: int = 4, in_channels: int = 1, image_size=28):
        super().__init__(channels=channels, in_channels=in_channels, image_size=image_size)
        for i, stage in enumerate(self.stages):
            outer, inner = channels * 2**i, channels * 2**i // reduction
            layers = nn.Conv2d(outer, inner, 1), nn.ReLU(), nn.Conv2d(inner, outer, 1)
            stage.insert(1, Scaled(nn.AdaptiveAvgPool2d(1), *layers, nn.Sigmoid()))


class Scaled(nn.Sequential):
    """Layers from images (N, C, H, W) to the shares (N, C, 1, 1) by which channels are scaled."""

    def forward(self, x):
        """Map (N, C, H, W) to the same shape."""
        return x * super().forward(x)
