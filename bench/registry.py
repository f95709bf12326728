"""The one door for everything that a study can name.

A registry is a plain dict from a name to an `Entry`; an entry points at a callable by
`package.module:Name`. The callable's keyword parameters are the parameters that a study may
set. They are read from its source, so that planning needs neither torch nor the user's code.
"""

import ast
import importlib
import importlib.util
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Activation = Literal["relu", "tanh", "sigmoid", "leaky_relu", "gelu", "silu", "identity"]
Pooling = Literal["max", "average", "none"]

# The names that a signature may use for its parameters' types.
TYPES: Mapping[str, Any] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "None": None,
    "Literal": Literal,
    "PositiveInt": PositiveInt,
    "PositiveFloat": PositiveFloat,
    "NonNegativeFloat": NonNegativeFloat,
    "Fraction": Fraction,
    "Activation": Activation,
    "Pooling": Pooling,
}


@dataclass(frozen=True)
class Entry:
    """A name in a registry: where its callable lives, and one line about it."""

    target: str
    summary: str


@dataclass(frozen=True)
class Parameter:
    """A keyword parameter of a callable; `annotation` is Any where its type is not one of ours."""

    name: str
    annotation: Any
    default: Any
    required: bool = False


def load(target: str) -> Any:
    """Import what `package.module:Name` names; errors pass through for the caller to word."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


@cache
def parameters(target: str) -> tuple[Parameter, ...] | None:
    """Read what a study may set of a callable from its source, without importing it.

    For a class these are the parameters of its `__init__`; for a function its keyword-only ones,
    since the others are what the harness hands over. None where the source does not tell: no
    source, no `__init__` of its own, `**kwargs`.
    """
    module, _, name = target.partition(":")
    path = source_file(module)
    if path is None:
        return None
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return _declared(node, positional=False)
        if isinstance(node, ast.ClassDef) and node.name == name:
            inits = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            own = next((n for n in inits if n.name == "__init__"), None)
            return _declared(own, positional=True) if own else None
    return None


def source_file(module: str) -> Path | None:
    """Find a module's file on the import path without running any of its packages."""
    parts = module.split(".")
    for root in sys.path:
        base = Path(root or ".").joinpath(*parts)
        for candidate in (base.with_suffix(".py"), base / "__init__.py"):
            if candidate.is_file():
                return candidate
    # An editable install answers through a finder; only the top package's spec is asked for,
    # which imports nothing.
    spec = importlib.util.find_spec(parts[0])
    if spec is None or spec.origin is None:
        return None
    base = Path(spec.origin).parent.joinpath(*parts[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _declared(node: ast.FunctionDef, *, positional: bool) -> tuple[Parameter, ...] | None:
    """List a function's parameters; the first positional one is `self` and left out."""
    if node.args.kwarg is not None:
        return None
    pairs: list[tuple[ast.arg, ast.expr | None]] = []
    if positional:
        names = node.args.posonlyargs + node.args.args
        defaults = [None] * (len(names) - len(node.args.defaults)) + node.args.defaults
        pairs = list(zip(names, defaults, strict=True))[1:]
    pairs += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return tuple(_parameter(argument, default) for argument, default in pairs)


def _parameter(argument: ast.arg, default: ast.expr | None) -> Parameter:
    try:
        value = None if default is None else ast.literal_eval(default)
    except ValueError:
        value = None
    return Parameter(argument.arg, _annotation(argument.annotation), value, default is None)


def _annotation(node: ast.expr | None) -> Any:
    """Resolve an annotation made of TYPES only; anything else is Any."""
    match node:
        case ast.Name(id=name):
            return TYPES.get(name, Any)
        case ast.Constant(value=None):
            return None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return typing.Union[_annotation(left), _annotation(right)]  # noqa: UP007
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            return Literal[ast.literal_eval(inner)]
        case _:
            return Any
