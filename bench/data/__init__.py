"""Registries of data sets, loaders and augmentations; imports neither torch nor NumPy."""

from collections.abc import Mapping

from bench.data.dataset_files import Source
from bench.data.digits import DIGITS
from bench.data.torchvision_sets import FASHION_MNIST, KMNIST, MNIST
from bench.registry import Entry

DATASETS: Mapping[str, Source] = {
    source.name: source for source in (MNIST, FASHION_MNIST, KMNIST, DIGITS)
}

LOADERS: Mapping[str, Entry] = {
    "resident": Entry("bench.data.loaders:resident", "normalised tensors on the device"),
    "dataloader": Entry("bench.data.loaders:dataloader", "the reference's DataLoader pipeline"),
}

AUGMENTATIONS: Mapping[str, Entry] = {
    "none": Entry("bench.data.augmentation:none", "images unchanged"),
    "shift": Entry("bench.data.augmentation:shift", "random shifts by integer pixels"),
    "affine": Entry("bench.data.augmentation:affine", "random rotation, scale, shear and shift"),
    "flip": Entry("bench.data.augmentation:flip", "half of the images left to right"),
    "cutout": Entry("bench.data.augmentation:cutout", "a black square at a random place"),
    "mixup": Entry("bench.data.label_mixing:mixup", "averages of two images and labels (2018)"),
    "cutmix": Entry("bench.data.label_mixing:cutmix", "a box of another image; labels by area"),
}
