"""Lookup of networks by name, importing neither torch nor the network.

Names are built-in ones, `torchvision:NAME`, or entry points of installed packages in the group
`bench.models`.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from bench.errors import BenchError
from bench.import_graph import source_file
from bench.models import MODELS
from bench.registry import Entry, installed

GROUP = "bench.models"
TORCHVISION = "torchvision:"
REGISTRATION = "register_model("  # the decorator of torchvision's builders


def candidate_models(name: str) -> Mapping[str, Entry]:
    """Return the networks among which to find a name, reading no more sources than needed."""
    if name in MODELS:
        return MODELS
    return torchvision_models() if name.startswith(TORCHVISION) else all_models()


def all_models() -> dict[str, Entry]:
    """Return built-in networks and those of installed packages; built-in names win."""
    return {**MODELS, **installed(GROUP), **MODELS}


@cache
def torchvision_models() -> Mapping[str, Entry]:
    """Return torchvision's classification networks, read from its source.

    Raises BenchError if torchvision is not installed.
    """
    package = source_file("torchvision.models")
    if package is None:
        raise BenchError(
            f"'{TORCHVISION}…' needs torchvision, which is not installed",
            hint="`pip install --upgrade torch torchvision` installs a pair that matches.",
        )
    names = sorted(name for file in package.parent.glob("*.py") for name in _registered(file))
    return {
        TORCHVISION + name: Entry(f"bench.models.from_torchvision:{name}", f"torchvision's {name}")
        for name in names
    }


def _registered(file: Path) -> Iterator[str]:
    """Yield the functions of a file that torchvision registers as networks."""
    source = file.read_bytes()
    for node in ast.parse(source).body if REGISTRATION.encode() in source else ():
        if isinstance(node, ast.FunctionDef) and any(
            ast.unparse(decorator).startswith(REGISTRATION) for decorator in node.decorator_list
        ):
            yield node.name
