"""Find modules' files, and what they import, without importing anything."""

import ast
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

INSTALLED = frozenset({"site-packages", "dist-packages"})
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))


def source_file(module: str, path: Sequence[str] | None = None) -> Path | None:
    """Return a module's file on the import path; None without source, or for a namespace.

    With `path` only its folders are searched.
    """
    parts = module.split(".")
    for root in sys.path if path is None else path:
        found = _file_of(Path(root or ".").joinpath(*parts))
        if found is not None:
            return found
    if path is not None:
        return None
    # An editable install answers through a finder; only the top package's spec is requested,
    # which imports nothing.
    try:
        spec = importlib.util.find_spec(parts[0])
    except ValueError:  # `__main__` has none
        return None
    if spec is None or spec.origin is None:
        return None
    origin = Path(spec.origin)
    if origin.name == "__init__.py":
        return _file_of(origin.parent.joinpath(*parts[1:]))
    return origin if len(parts) == 1 and origin.suffix == ".py" else None


def _file_of(base: Path) -> Path | None:
    """Find the file of a module; a package comes before a module of its name, as in Python."""
    candidates = (base / "__init__.py", base.with_name(f"{base.name}.py"))
    return next((path for path in candidates if path.is_file()), None)


def is_users(module: str, path: Path) -> bool:
    """Return whether a module is the user's own: neither installed, nor Python's, nor bench's."""
    if module.partition(".")[0] in ("bench", "__main__", "__mp_main__"):
        return False
    return not INSTALLED.intersection(path.parts) and not path.is_relative_to(STANDARD_LIBRARY)


def imported_modules(module: str, is_followed: Callable[[str, Path], bool]) -> dict[str, Path]:
    """Return the modules that importing `module` can load, by name, each with its file.

    Packages that hold a module are loaded with it. Only modules that `is_followed` accepts are
    returned and searched for further imports, which are read from the source: one whose name is
    made when the code runs is not found here.
    """
    found: dict[str, Path] = {}
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        for loaded in (name, *_packages_of(name)):
            if loaded in seen or loaded.partition(".")[0] in sys.stdlib_module_names:
                continue
            seen.add(loaded)
            path = source_file(loaded)
            if path is not None and is_followed(loaded, path):
                found[loaded] = path
                waiting += _imports(loaded, path)
    return found


def _packages_of(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:i]) for i in range(1, len(parts)))


def _imports(module: str, path: Path) -> Iterator[str]:
    """List the absolute names that a module may import."""
    try:
        tree = _parsed(path.read_bytes())
    except (OSError, SyntaxError, ValueError):  # whoever imports it gets the error
        return
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Return the absolute name of what `from … import` names; empty where that is outside."""
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    if node.level > len(parts):
        return ""
    return ".".join((*parts[: len(parts) - node.level + 1], *filter(None, [node.module])))


@lru_cache(maxsize=256)
def _parsed(source: bytes) -> ast.Module:
    """Parse a module's source; its imports and its digest are both read from it."""
    return ast.parse(source)


def source_digest(path: Path) -> str:
    """Return a digest of a file's code, without comments and layout, which change no number."""
    source = path.read_bytes()
    try:
        code = ast.dump(_parsed(source))
    except (SyntaxError, ValueError):  # no Python source, for instance a compiled extension
        code = repr(source)
    return hashlib.sha256(code.encode("utf-8", errors="surrogatepass")).hexdigest()[:16]
