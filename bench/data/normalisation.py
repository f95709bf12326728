"""Normalisation of pixels from 0..255 to the network's input."""

from collections.abc import Callable, Mapping

from bench.data.images import ImageSet

# What is subtracted from a grey value (0 black, 1 white), and the divisor of the difference.
NORMALISATIONS: Mapping[str, Callable[[ImageSet], tuple[float, float]]] = {
    "standard": lambda images: (images.mean, images.std),  # mean 0, standard deviation 1
    "unit": lambda _: (0.0, 1.0),  # 0 to 1
    "symmetric": lambda _: (0.5, 0.5),  # −1 to 1
    "lecun": lambda _: (0.1 / 1.275, 1 / 1.275),  # −0.1 to 1.175, as in the paper of 1998
}


def black(normalisation: str, images: ImageSet) -> float:
    """Return the normalised value of a black pixel."""
    mean, std = NORMALISATIONS[normalisation](images)
    return -mean / std
