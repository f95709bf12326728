"""Where images come from, one source a file, all in DATASETS; how they come, and are changed.

Importing this imports neither torch nor NumPy; a source loads what it needs when it is used.
"""

from collections.abc import Mapping

from bench.data.digits import DigitsSource
from bench.data.images import Source
from bench.data.torchvision_sets import FASHION_MNIST, KMNIST, MNIST
from bench.registry import Entry

DATASETS: Mapping[str, Source] = {
    source.name: source for source in (MNIST, FASHION_MNIST, KMNIST, DigitsSource())
}

LOADERS: Mapping[str, Entry] = {
    "resident": Entry("bench.data.loaders:resident", "normalised tensors, all on the device"),
    "dataloader": Entry("bench.data.loaders:dataloader", "the reference's DataLoader pipeline"),
}

AUGMENTATIONS: Mapping[str, Entry] = {
    "none": Entry("bench.data.augmentation:none", "the images as they are"),
    "shift": Entry("bench.data.augmentation:shift", "random shifts by whole pixels"),
    "affine": Entry("bench.data.augmentation:affine", "random turns, sizes, slants and shifts"),
}
