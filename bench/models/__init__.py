"""The networks that a study can name; torch is imported only when one of them is loaded."""

from collections.abc import Mapping

from bench.registry import Entry

MODELS: Mapping[str, Entry] = {
    "convnet": Entry(
        "bench.models.convnet:ConvNet",
        "two convolutions, two linear layers, ReLU; 1,007,590 parameters",
    ),
    "lenet5": Entry(
        "bench.models.lenet5:LeNet5",
        "the LeNet-5 of today's textbooks: tanh, average pooling; 61,706 parameters",
    ),
    "lenet5_1998": Entry(
        "bench.models.lenet5_1998:LeNet51998",
        "LeNet-5 as the 1998 paper has it: sparse C3, RBF output; 60,000 parameters",
    ),
}
