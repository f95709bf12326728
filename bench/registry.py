"""Registries: names in a study and `import:` targets, resolved to callables with parameters.

A registry is a dict from names to `Entry`s, each with a target `package.module:Name`. A study may
set the target's keyword parameters. They are read from its source, so that planning imports
neither torch nor user code. Reading needs only types and literal defaults, resolved to objects:
griffe would find the nodes, but return expressions that need the same resolution.
"""

import ast
import importlib
import json
import typing
from collections.abc import Mapping
from contextlib import suppress
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

# Types that a signature may use: Python's, and those that a module imports from here.
BUILTIN: Mapping[str, Any] = {"bool": bool, "int": int, "float": float, "str": str}
TYPES: Mapping[str, Any] = {
    "PositiveInt": PositiveInt,
    "NonNegativeInt": NonNegativeInt,
    "PositiveFloat": PositiveFloat,
    "NonNegativeFloat": NonNegativeFloat,
    "Fraction": Fraction,
    "Activation": Activation,
    "Pooling": Pooling,
}


@dataclass(frozen=True)
class Entry:
    """A registry entry: the target `package.module:Name`, and a one-line description."""

    target: str
    summary: str


@dataclass(frozen=True)
class Parameter:
    """A keyword parameter of a callable; `annotation` is Any for other types than TYPES.

    `is_literal` is whether there is a default that is a literal; other defaults are unknown.
    """

    name: str
    annotation: Any
    default: Any
    required: bool = False
    is_literal: bool = True


def load(target: str) -> Any:
    """Import the target `package.module:Name`; errors pass through to the caller."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


@cache
def parameters(target: str) -> tuple[Parameter, ...] | None:
    """Return the parameters of a callable that a study may set, without importing it.

    These are the parameters of a class's `__init__`, or a function's keyword-only ones (the
    harness passes the others). None if the source doesn't show them: no source, no `__init__`,
    `**kwargs`. Raises OSError, SyntaxError or ValueError for an unreadable source.
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
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    return _declared(method, types, positional=True)
            return None
    return None


def _types_in(body: list[ast.stmt]) -> Mapping[str, Any]:
    """Return the types that a module can use by name."""
    names = {
        alias.name
        for node in body
        if isinstance(node, ast.ImportFrom) and node.module == __name__
        for alias in node.names
    }
    return {**BUILTIN, **{name: TYPES[name] for name in TYPES.keys() & names}}


def _declared(
    node: ast.FunctionDef, types: Mapping[str, Any], *, positional: bool
) -> tuple[Parameter, ...] | None:
    """Return a function's parameters; with `positional`, also positional ones but `self`."""
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
        return Parameter(argument.arg, annotation, None, required=True, is_literal=False)
    try:
        value = ast.literal_eval(default)
        json.dumps(value)  # plain data, as a study could hold it
    except (ValueError, TypeError):
        return Parameter(argument.arg, annotation, None, is_literal=False)
    if annotation is float and type(value) is int:
        value = float(value)  # so that 0 here and 0 in a study are the same
    return Parameter(argument.arg, annotation, value)


def _annotation(node: ast.expr | None, types: Mapping[str, Any]) -> Any:
    """Return the type of an annotation; Any if it uses other types."""
    match node:
        case ast.Name(id=name):
            return types.get(name, Any)
        case ast.Constant(value=None):
            return None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return typing.Union[_annotation(left, types), _annotation(right, types)]  # noqa: UP007
        case ast.Subscript(value=ast.Name(id="Literal"), slice=values):
            with suppress(ValueError, TypeError):
                return Literal[ast.literal_eval(values)]
    return Any
