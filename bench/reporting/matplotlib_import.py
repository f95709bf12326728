"""Import matplotlib whatever MPLBACKEND names: figures are saved here, never shown.

A module that draws imports this one before anything of matplotlib. Afterwards the variable and
the backend are what the user set, because a notebook may draw figures of its own.
"""

import logging
import os
import sys
from contextlib import suppress


def _import_matplotlib() -> None:
    backend = os.environ.pop("MPLBACKEND", None)
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.CRITICAL)  # warnings about the user's matplotlibrc, which isn't used here
    try:
        import matplotlib as mpl
    finally:
        log.setLevel(level)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):  # a backend that is not installed
            mpl.rcParams["backend"] = backend


if "matplotlib" not in sys.modules:
    _import_matplotlib()
