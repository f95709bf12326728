"""Data sets as a user would load them; the functions of the tests of imported ones."""

import sys

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

CLASSES = ["cat", "dog", "emu"]


def arrays(count=12, channels=3, side=8, seed=0):
    draw = np.random.default_rng(seed)
    images = draw.integers(0, 256, (count, channels, side, side), dtype=np.uint8)
    return images, np.arange(count) % 3


def four(count=12):
    return *arrays(count), *arrays(6, seed=1)


def pairs():
    return arrays(), arrays(6, seed=1)


def one_pair():
    return arrays(30)


def mapping():
    train, test = pairs()
    return {
        "x_train": train[0], "y_train": train[1], "x_test": test[0], "y_test": test[1],
        "class_names": CLASSES,
    }  # fmt: skip


def tensors():
    return tuple(TensorDataset(*map(torch.from_numpy, pair)) for pair in pairs())


class Pictures(Dataset):
    """Pictures of Pillow, as torchvision's data sets return them."""

    classes = CLASSES

    def __init__(self, count=12, seed=0, sizes=(8,)):
        self._pairs = arrays(count, seed=seed)
        self._sizes = sizes

    def __len__(self):
        return len(self._pairs[1])

    def __getitem__(self, index):
        picture = Image.fromarray(self._pairs[0][index].transpose(1, 2, 0))
        side = self._sizes[index % len(self._sizes)]
        return picture.resize((side, side)), int(self._pairs[1][index])


def pictures():
    return Pictures(), Pictures(6, seed=1)


def sizes_differ():
    return Pictures(sizes=(8, 9)), Pictures(6)


def grey_floats():
    images, labels = arrays(channels=1)
    return images[:, 0] / 255 - 0.5, labels, images[:6, 0] / 255 - 0.5, labels[:6]


def last_channels():
    images, labels = arrays()
    return images.transpose(0, 2, 3, 1), labels, images[:6].transpose(0, 2, 3, 1), labels[:6]


def nothing():
    return 5


def fails():
    sys.stdout.write("reading the disk\n")
    raise RuntimeError("the disk is full")


def leaves():
    import os

    os._exit(3)


def wrong_lengths():
    images, labels = arrays()
    return images, labels[:-1], images, labels


def empty_class():
    images, labels = arrays()
    return images, labels * 2, images, labels * 2


def unknown_class():
    images, labels = arrays()
    return images, labels, images, labels + 1


def negative():
    images, labels = arrays()
    return images, labels - 1, images, labels


def not_finite():
    images, labels = arrays()
    images = images / np.where(images > 250, 0, 1)
    return images, labels, images, labels


class Broken(Pictures):
    """Its eleventh item can't be read."""

    def __getitem__(self, index):
        if index == 10:
            raise OSError("disk gone")
        return super().__getitem__(index)


def broken():
    return Broken()


class Named(Pictures):
    """Labels by name."""

    def __getitem__(self, index):
        image, _ = super().__getitem__(index)
        return image, "cat"


def named():
    return Named()


def lists():
    return [1, 2], [3, 4]
