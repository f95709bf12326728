"""Import of torchvision with an error that explains a failure."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from bench.errors import DataError

HINT = (
    "`pip install --upgrade torch torchvision`, both in one command, installs a matching pair. "
    "`dataset: digits` with `loader: resident` runs without torchvision."
)


def import_torchvision() -> ModuleType:
    """Return torchvision; raise DataError if importing it fails.

    A torchvision built for another torch raises various errors, for instance RuntimeError
    "operator torchvision::nms does not exist".
    """
    try:
        return importlib.import_module("torchvision")
    except Exception as error:
        torch, torchvision = _installed("torch"), _installed("torchvision")
        if torchvision is None:
            what = f"torchvision is not installed (torch is {torch})"
        else:
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            what = f"torch {torch} and torchvision {torchvision} are incompatible ({reason})"
        raise DataError(what, hint=HINT) from error


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
