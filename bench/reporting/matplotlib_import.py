"""matplotlib, imported whatever MPLBACKEND names; a figure is never shown here, only saved.

A module that draws imports this one before anything of matplotlib. Once matplotlib is there, the
variable and the backend are what the user set: in a notebook others may draw, too.
"""

import logging
import os
import sys
from contextlib import suppress


def _import_matplotlib() -> None:
    backend = os.environ.pop("MPLBACKEND", None)
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.CRITICAL)  # a bad line of the user's matplotlibrc changes no figure here
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
