"""Registries of data sets, loaders and augmentations; imports neither torch nor NumPy."""

from collections.abc import Mapping

from bench.registry import Entry

NAMED_DATASETS: Mapping[str, Entry] = {  # without parameters
    "mnist": Entry(
        "bench.data.torchvision_sets:mnist", "handwritten digits (LeCun and Cortes; downloaded)"
    ),
    "fashion_mnist": Entry(
        "bench.data.torchvision_sets:fashion_mnist",
        "images of clothes in ten classes (Zalando; downloaded)",
    ),
    "kmnist": Entry(
        "bench.data.torchvision_sets:kmnist",
        "handwritten Japanese characters in ten classes (CODH; downloaded)",
    ),
    "digits": Entry(
        "bench.data.embedded_sets:digits",
        "scikit-learn's handwritten digits, distorted to MNIST's size (no download)",
    ),
    "shapes": Entry(
        "bench.data.embedded_sets:shapes",
        "coloured shapes of 32×32 pixels in ten classes (no download)",
    ),
}

DATASETS: Mapping[str, Entry] = {
    **NAMED_DATASETS,
    "image_folder": Entry(
        "bench.data.image_folder:ImageFolder", "image files, a subfolder for each class"
    ),
    "npz": Entry("bench.data.npz_file:Npz", "arrays of images and labels in a NumPy file"),
}

TORCHVISION = "torchvision:"
# Besides those above, as classes of torchvision.datasets.
TORCHVISION_DATASETS: Mapping[str, Entry] = {
    TORCHVISION + name: Entry(
        "bench.data.torchvision_classification:"
        + ("EmnistSet" if name == "EMNIST" else "TorchvisionSet"),
        f"torchvision's {name}",
    )
    for name in (
        *("CIFAR10", "CIFAR100", "EMNIST", "QMNIST", "USPS", "SVHN", "STL10", "GTSRB", "DTD"),
        *("Flowers102", "Food101", "PCAM", "RenderedSST2", "Country211", "StanfordCars"),
        *("FGVCAircraft", "OxfordIIITPet", "Imagenette", "EuroSAT"),
        *("SUN397", "Caltech101", "Caltech256", "SEMEION"),
    )
}

LOADERS: Mapping[str, Entry] = {
    "resident": Entry("bench.data.loaders:resident", "normalised tensors on the device"),
    "dataloader": Entry("bench.data.loaders:dataloader", "the reference's DataLoader pipeline"),
}

AUGMENTATIONS: Mapping[str, Entry] = {
    "none": Entry("bench.data.augmentation:none", "images unchanged"),
    "shift": Entry("bench.data.augmentation:shift", "random shifts by integer pixels"),
    "crop": Entry("bench.data.augmentation:crop", "random crops after padding, some mirrored"),
    "affine": Entry("bench.data.augmentation:affine", "random rotation, scale, shear and shift"),
    "flip": Entry("bench.data.augmentation:flip", "half of the images left to right"),
    "cutout": Entry("bench.data.augmentation:cutout", "a black square at a random place"),
    "mixup": Entry("bench.data.label_mixing:mixup", "averages of two images and labels (2018)"),
    "cutmix": Entry("bench.data.label_mixing:cutmix", "a box of another image; labels by area"),
}
