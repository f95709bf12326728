"""Where images come from: one source a file, all of them in DATASETS.

Importing this imports neither torch nor NumPy; a source loads what it needs when it is used.
"""

from collections.abc import Mapping

from bench.data.digits import DigitsSource
from bench.data.images import Source
from bench.data.torchvision_sets import FASHION_MNIST, KMNIST, MNIST

DATASETS: Mapping[str, Source] = {
    source.name: source for source in (MNIST, FASHION_MNIST, KMNIST, DigitsSource())
}
