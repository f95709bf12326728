"""Source files of modules and their imports, found without importing anything."""

import ast
import hashlib
import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

BENCH = Path(__file__).parent
INSTALLED = frozenset({"site-packages", "dist-packages"})
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))


def source_file(module: str, path: Sequence[str] | None = None) -> Path | None:
    """Return a module's source file; None without source, or for a namespace package.

    Searches `path`, by default the import path and editable installs.
    """
    parts = module.split(".")
    for root in sys.path if path is None else path:
        found = _file_of(Path(root or ".").joinpath(*parts))
        if found is not None:
            return found
    if path is not None:
        return None
    # Editable installs use a finder. Requesting the spec of the top package imports nothing.
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
    """Return a module's file; a package precedes a module of the same name, as in Python."""
    candidates = (base / "__init__.py", base.with_name(f"{base.name}.py"))
    return next((path for path in candidates if path.is_file()), None)


def is_users(module: str, path: Path) -> bool:
    """Return whether a module is user code: not installed, not Python's, not bench's."""
    if module.partition(".")[0] in ("bench", "__main__", "__mp_main__"):
        return False
    return not INSTALLED.intersection(path.parts) and not path.is_relative_to(STANDARD_LIBRARY)


def users_line(error: BaseException) -> str:
    """Return where in the user's own files an error was raised, ` (file, line 3)`, or nothing."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if is_users(Path(frame.filename).stem, Path(frame.filename))]
    own = [frame for frame in own if not Path(frame.filename).is_relative_to(BENCH)]
    own = [frame for frame in own if not frame.filename.startswith("<")]  # "<frozen importlib>"
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


def imported_modules(module: str, is_followed: Callable[[str, Path], bool]) -> dict[str, Path]:
    """Return the source files, by name, of the modules that importing `module` can load.

    Includes parent packages. Only modules that `is_followed` accepts are returned and searched
    for imports. Imports with a computed name are not found.
    """
    found: dict[str, Path] = {}
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        for loaded in (".".join(parts[:i]) for i in range(len(parts), 0, -1)):
            if loaded in seen or loaded.partition(".")[0] in sys.stdlib_module_names:
                continue
            seen.add(loaded)
            path = source_file(loaded)
            if path is not None and is_followed(loaded, path):
                found[loaded] = path
                waiting += _imports(loaded, path)
    return found


def _imports(module: str, path: Path) -> Iterator[str]:
    """Yield the absolute names that a module may import."""
    try:
        tree = _parsed(path.read_bytes())
    except (OSError, SyntaxError, ValueError):  # reported when it is imported
        return
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            with suppress(ImportError):  # above the top package
                relative = "." * node.level + (node.module or "")
                base = importlib.util.resolve_name(relative, package)
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)


@lru_cache(maxsize=256)
def _parsed(source: bytes) -> ast.Module:
    """Parse a source once for its imports and its digest."""
    return ast.parse(source)


def source_digest(path: Path) -> str:
    """Return a digest of a file's code, ignoring comments and layout."""
    source = path.read_bytes()
    try:
        code = ast.dump(_parsed(source))
    except (SyntaxError, ValueError):  # not Python source, such as a compiled extension
        code = repr(source)
    return hashlib.sha256(code.encode("utf-8", errors="surrogatepass")).hexdigest()[:16]
