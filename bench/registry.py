"""The one door for everything that a study can name.

A registry is a plain dict from a name to an `Entry`; an entry points at a callable by
`package.module:Name`. The callable's keyword parameters are the parameters that a study may
set. They are read from its source, so that planning needs neither torch nor the user's code.
"""

import ast
import importlib
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field

from bench.import_graph import source_file

PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Activation = Literal["relu", "tanh", "sigmoid", "leaky_relu", "gelu", "silu", "identity"]
Pooling = Literal["max", "average", "none"]

# The names that a signature may use for its parameters' types; those that are no builtins only
# where its module has them from here.
TYPES: Mapping[str, Any] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "None": None,
    "Literal": Literal,
    "PositiveInt": PositiveInt,
    "NonNegativeInt": NonNegativeInt,
    "PositiveFloat": PositiveFloat,
    "NonNegativeFloat": NonNegativeFloat,
    "Fraction": Fraction,
    "Activation": Activation,
    "Pooling": Pooling,
}
BUILTIN = frozenset({"bool", "int", "float", "str", "None", "Literal"})


@dataclass(frozen=True)
class Entry:
    """A name in a registry: where its callable lives, and one line about it."""

    target: str
    summary: str


@dataclass(frozen=True)
class Parameter:
    """A keyword parameter of a callable; `annotation` is Any where its type is not one of ours.

    `is_told` says whether `default` is what the source gives; it is not where that is no literal.
    """

    name: str
    annotation: Any
    default: Any
    required: bool = False
    is_told: bool = True


def load(target: str) -> Any:
    """Import what `package.module:Name` names; errors pass through for the caller to word."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


@cache
def parameters(target: str) -> tuple[Parameter, ...] | None:
    """Read what a study may set of a callable from its source, without importing it.

    For a class these are the parameters of its `__init__`; for a function its keyword-only ones,
    since the others are what the harness hands over. None where the source does not tell: no
    source, no `__init__` of its own, `**kwargs`. Raises OSError, SyntaxError or ValueError for a
    source that cannot be read.
    """
    module, _, name = target.partition(":")
    path = source_file(module)
    if path is None:
        return None
    body = ast.parse(path.read_bytes()).body
    types = _types_in(body)
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return _declared(node, types, positional=False)
        if isinstance(node, ast.ClassDef) and node.name == name:
            inits = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            own = next((n for n in inits if n.name == "__init__"), None)
            return _declared(own, types, positional=True) if own else None
    return None


def _types_in(body: list[ast.stmt]) -> Mapping[str, Any]:
    """List which of TYPES a module can mean by their names."""
    from_here = {
        alias.name
        for node in body
        if isinstance(node, ast.ImportFrom) and node.module == __name__
        for alias in node.names
    }
    return {k: v for k, v in TYPES.items() if k in from_here or k in BUILTIN}


def _declared(
    node: ast.FunctionDef, types: Mapping[str, Any], *, positional: bool
) -> tuple[Parameter, ...] | None:
    """List a function's parameters; the first positional one is `self` and left out."""
    if node.args.kwarg is not None:
        return None
    pairs: list[tuple[ast.arg, ast.expr | None]] = []
    if positional:
        names = node.args.posonlyargs + node.args.args
        defaults = [None] * (len(names) - len(node.args.defaults)) + node.args.defaults
        pairs = list(zip(names, defaults, strict=True))[1:]
    pairs += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return tuple(_parameter(argument, default, types) for argument, default in pairs)


def _parameter(argument: ast.arg, default: ast.expr | None, types: Mapping[str, Any]) -> Parameter:
    annotation = _annotation(argument.annotation, types)
    if default is None:
        return Parameter(argument.arg, annotation, None, required=True, is_told=False)
    try:
        value = ast.literal_eval(default)
        json.dumps(value)  # plain data, as a study could hold it
    except (ValueError, TypeError):
        return Parameter(argument.arg, annotation, None, is_told=False)
    if annotation is float and type(value) is int:
        value = float(value)  # so that 0 here and 0 in a study are the same
    return Parameter(argument.arg, annotation, value)


def _annotation(node: ast.expr | None, types: Mapping[str, Any]) -> Any:
    """Resolve an annotation made of known types only; anything else is Any."""
    match node:
        case ast.Name(id=name):
            return types.get(name, Any)
        case ast.Constant(value=None):
            return None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return typing.Union[_annotation(left, types), _annotation(right, types)]  # noqa: UP007
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            return _literal(inner)
        case _:
            return Any


def _literal(node: ast.expr) -> Any:
    try:
        return Literal[ast.literal_eval(node)]
    except (ValueError, TypeError):
        return Any
