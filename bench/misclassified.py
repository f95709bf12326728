"""The text that lists the test images that a trial misclassified, packed for a table.

Three lines: the distance of each image's index to the one before (to -1 for the first), the labels,
and the predicted classes, separated by spaces; compressed by zlib, in base64. Columns apart are a
quarter of the size of one text per image.
"""

import base64
import zlib
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise

Wrong = tuple[int, int, int]  # index in the test set, label, predicted class


def pack_misclassified(images: Iterable[Wrong]) -> str:
    """Pack images in the order of their indices."""
    columns = list(zip(*images, strict=True)) or [(), (), ()]
    distances = [after - before for before, after in pairwise((-1, *columns[0]))]
    lines = (" ".join(map(str, column)) for column in (distances, *columns[1:]))
    return base64.b64encode(zlib.compress("\n".join(lines).encode("ascii"), level=9)).decode()


def unpack_misclassified(packed: str) -> Iterator[Wrong]:
    """Yield the images of a packed text; raise ValueError for any other text."""
    try:
        text = zlib.decompress(base64.b64decode(packed, validate=True)).decode("ascii")
    except zlib.error as error:
        raise ValueError(f"not a packed list of misclassified images: {error}") from None
    distances, labels, predicted = (map(int, line.split()) for line in text.split("\n"))
    indices = (index - 1 for index in accumulate(distances))
    yield from zip(indices, labels, predicted, strict=True)
