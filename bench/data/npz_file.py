"""`npz`: arrays of images and labels in a NumPy file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

import numpy as np

from bench.data.dataset_files import digest
from bench.data.decoded_set import DecodedSet, split
from bench.data.prepared import PreparedSource
from bench.data.source import Progress
from bench.errors import DataError, last_line
from bench.registry import Fraction, NonNegativeInt


class Npz(PreparedSource):
    """Arrays of the file `path`: images (N, C, H, W), (N, H, W, C) or (N, H, W), and labels (N,).

    Named train_images, train_labels, test_images, test_labels; or x_train, y_train, x_test, y_test;
    or images, labels. Without test arrays a random share `test` of each class, drawn with
    `split_seed`, is the test set. `class_names` is optional.
    """

    def __init__(
        self, *, name: str, path: str, test: Fraction = 0.2, split_seed: NonNegativeInt = 0
    ) -> None:
        super().__init__(name)
        self._path = Path(path).expanduser().absolute()
        self._test, self._split_seed = test, split_seed

    def request(self) -> Mapping[str, Any]:
        """Return this source's target, name and parameters."""
        return {
            "target": f"{__name__}:{type(self).__name__}",
            "name": self.name,
            "parameters": {
                "path": str(self._path),
                "test": self._test,
                "split_seed": self._split_seed,
            },
        }

    def state(self) -> str:
        """Return the digest of the file."""
        return self.content()

    def content(self) -> str:
        """Return the digest of the file."""
        try:
            return digest(self._path, "sha256")[:16]
        except OSError as error:
            hint = "`path` of an npz is relative to the folder where bench is started."
            what = f"cannot be read: {error.strerror or error}"
            raise DataError(what, where=str(self._path), hint=hint) from None

    def decode(self, data_dir: Path, progress: Progress) -> DecodedSet:
        """Read the arrays."""
        if not is_zipfile(self._path):
            hint = "Write it with numpy.savez or numpy.savez_compressed."
            what = "not readable: this is not an .npz file"
            raise DataError(what, where=str(self._path), hint=hint)
        try:
            with np.load(self._path, allow_pickle=False) as file:
                decoded = DecodedSet.of_named(file)
        except (OSError, EOFError, ValueError, BadZipFile) as error:
            raise DataError(f"not readable: {last_line(error)}", where=str(self._path)) from None
        if decoded.test_images is None:
            return split(decoded, self._test, self._split_seed)
        return decoded
