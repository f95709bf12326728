"""Registries of networks and initialisations; imports no torch."""

from collections.abc import Mapping

from bench.registry import Entry

MODELS: Mapping[str, Entry] = {
    "convnet": Entry(
        "bench.models.convnet:ConvNet",
        "two convolutions, two linear layers, ReLU; 1,007,590 parameters",
    ),
    "lenet5": Entry(
        "bench.models.lenet5:LeNet5",
        "LeNet-5 as in textbooks today: tanh, average pooling; 61,706 parameters",
    ),
    "lenet5_1998": Entry(
        "bench.models.lenet5_1998:LeNet51998",
        "LeNet-5 as in the 1998 paper: sparse C3, RBF output; 60,000 parameters",
    ),
    "mlp": Entry("bench.models.mlp:MLP", "hidden linear layers only, ReLU; 669,706 parameters"),
    "cnn_bn": Entry(
        "bench.models.cnn_bn:BatchNormCNN",
        "a small modern CNN: 3×3 convolutions, batch norm, ReLU; 29,178 parameters",
    ),
    "strided_cnn": Entry(
        "bench.models.strided_cnn:StridedCNN",
        "designed for speed: two convolutions, one of stride 2, 128 hidden; 109,050 parameters",
    ),
    "tinygrad_mnist": Entry(
        "bench.models.tinygrad_mnist:TinygradMNIST",
        "the CNN of tinygrad's MNIST example: four convolutions, batch norm; 87,850 parameters",
    ),
    "resnet": Entry(
        "bench.models.resnet:ResNet",
        "a residual network of 8 layers, for images of any size; 77,754 parameters",
    ),
}

INITIALISATIONS: Mapping[str, Entry] = {
    name: Entry(f"bench.models.initialisation:{name}", summary)
    for name, summary in {
        "default": "the network's own",
        "kaiming_uniform": "He et al., 2015, uniform",
        "kaiming_normal": "He et al., 2015",
        "xavier_uniform": "Glorot and Bengio, 2010",
        "orthogonal": "Saxe et al., 2014",
        "lecun_uniform": "LeCun et al., 1998: ±2.4 / fan-in",
    }.items()
}
