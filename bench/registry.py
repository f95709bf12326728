"""Registries: names in a study and `import:` targets, resolved to callables with parameters.

A registry is a dict from names to `Entry`s, each with a target `package.module:Name`. A study may
set the target's parameters. They are read from its source, so that planning imports
neither torch nor user code. Reading needs only types and literal defaults, resolved to objects:
griffe would find the nodes, but return expressions that need the same resolution.
"""

import ast
import importlib
import inspect
import json
import typing
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from importlib.util import resolve_name
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from bench.errors import BenchError, did_you_mean, shown
from bench.import_graph import source_file

PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Fractions = Annotated[tuple[Fraction, ...], Field(min_length=1)]
ImageSize = PositiveInt | tuple[PositiveInt, PositiveInt]  # a side, or height and width
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
    "Fractions": Fractions,
    "ImageSize": ImageSize,
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


@dataclass(frozen=True)
class Passed:
    """The arguments that the harness passes to the callables of one kind.

    The first `positional` ones by position (None: all that a function takes by position), and
    those of `names` that the callable has a parameter for by name. With `to_instance`, a class
    gets its parameters alone, and its instance is called with what the harness passes. Those of
    `filled` are parameters for which the harness has values where a study gives none.
    """

    positional: int | None = None
    names: tuple[str, ...] = ()
    to_instance: bool = False
    filled: tuple[str, ...] = ()


NOTHING = Passed()


def installed(group: str) -> dict[str, Entry]:
    """Return what installed packages offer as entry points; of equal names, the first wins."""
    return {
        point.name: Entry(point.value, f"from {point.dist.name}" if point.dist else "installed")
        for point in reversed(tuple(entry_points(group=group)))
    }


def load(target: str) -> Any:
    """Import the target `package.module:Name`.

    Raises BenchError where there is no such module; other errors pass through to the caller.
    """
    module, _, name = target.partition(":")
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or f"{module}.".find(f"{error.name}.") != 0:
            raise  # a module that this one imports
        here = [path.stem for path in Path().glob("*.py")]
        hint = "" if "." in error.name else did_you_mean(error.name, here)
        if error.name.endswith(".py"):
            hint = f"Write {error.name.removesuffix('.py')}:{name}."
        what = f"there is no module '{error.name}' in the current folder, nor an installed one"
        raise BenchError(what, hint=hint) from None
    return getattr(imported, name)


def load_callable(target: str) -> Any:
    """Import a target that can be called; raise BenchError for anything else."""
    loaded = load(target)
    if not callable(loaded):
        raise BenchError(f"expected a function or a class, got {shown(loaded)}")
    return loaded


def call(target: str, given: Mapping[str, Any], *positional: Any, **named: Any) -> Any:
    """Call a target with its parameters, and with what the harness passes.

    Of `named`, what the target has a parameter for. Errors pass through.
    """
    function = load_callable(target)
    if named:
        known = inspect.signature(function).parameters
        named = {name: value for name, value in named.items() if name in known}
    return function(*positional, **named, **given)


@cache
def parameters(target: str, passed: Passed = NOTHING) -> tuple[Parameter, ...] | None:
    """Return the parameters of a callable that a study may set, without importing it.

    These are the parameters of a class's `__init__` or of a function, but those that the harness
    passes. A name that a module imports is followed to its definition, and a class without an
    `__init__` to the first base that has one. None if the source doesn't show them: no source,
    no `__init__`, `**kwargs`. Raises OSError, SyntaxError or ValueError for an unreadable source.
    """
    module, _, name = target.partition(":")
    found = _definition(module, name, frozenset())
    if found is None:
        return None
    node, types = found
    count = passed.positional
    if isinstance(node, ast.FunctionDef):
        return _declared(node, types, count, passed)
    method = next(m for m in node.body if _is_init(m))
    assert isinstance(method, ast.FunctionDef)
    count = 0 if count is None or passed.to_instance else count
    return _declared(method, types, 1 + count, passed)


def _definition(
    module: str, name: str, seen: frozenset[tuple[str, str]]
) -> tuple[ast.FunctionDef | ast.ClassDef, Mapping[str, Any]] | None:
    """Return the function, or the class with an `__init__`, that a name stands for.

    With the types that its module can use by name. None where it can't be found.
    """
    path = source_file(module)
    if path is None or (module, name) in seen:
        return None
    seen |= {(module, name)}
    body = ast.parse(path.read_bytes(), str(path)).body
    for node in body:
        match node:
            case ast.FunctionDef(name=found) if found == name:
                return node, _types_in(body)
            case ast.ClassDef(name=found) if found == name:
                if any(map(_is_init, node.body)):
                    return node, _types_in(body)
                bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
                return _definition(module, bases[0], seen) if bases else None
            case ast.ImportFrom():
                imported = {alias.asname or alias.name: alias.name for alias in node.names}
                if name in imported or "*" in imported:
                    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
                    origin = resolve_name("." * node.level + (node.module or ""), package)
                    if definition := _definition(origin, imported.get(name, name), seen):
                        return definition
    return None


@cache
def missing(target: str) -> str:
    """Return that a module has no such name, without importing it; empty where it may have.

    A module without a source may have any name, and so may one that imports `*` or has a
    `__getattr__`.
    """
    module, _, name = target.partition(":")
    path = source_file(module)
    if path is None:
        return ""
    names: set[str] = set()
    defined: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
                defined.add(node.name)
            case ast.Import() | ast.ImportFrom():
                names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
            case ast.Name(ctx=ast.Store()):
                names.add(node.id)
    is_module = source_file(f"{module}.{name}") is not None
    if name in names or names & {"*", "__getattr__"} or is_module:
        return ""
    return f"{module} has no '{name}'. {did_you_mean(name, defined)}".strip()


def _is_init(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "__init__"


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
    node: ast.FunctionDef, types: Mapping[str, Any], skipped: int | None, passed: Passed
) -> tuple[Parameter, ...] | None:
    """Return a function's parameters but the first `skipped` (None: all positional) and named."""
    if node.args.kwarg is not None:
        return None
    pairs: list[tuple[ast.arg, ast.expr | None]] = []
    if skipped is not None:
        names = node.args.posonlyargs + node.args.args
        defaults = [None] * (len(names) - len(node.args.defaults)) + node.args.defaults
        pairs = list(zip(names, defaults, strict=True))[skipped:]
    pairs += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    declared = [
        _parameter(argument, default, types)
        for argument, default in pairs
        if argument.arg not in passed.names
    ]
    return tuple(replace(p, required=False) if p.name in passed.filled else p for p in declared)


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
