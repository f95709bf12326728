"""Keys of outcomes: an outcome is reused while every part of its key is unchanged.

Parts: `configuration`, as resolved; `code`, the code of bench that affects numbers; `data`, the
content of the data set; `machine` and `software`; `variable NAME` for each environment variable
that affects numbers; `module NAME` for each module of the user's own.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.import_graph import imported_modules, is_users, source_digest, source_file
from bench.measure.machine import VARIABLE

RUN = "bench.execute.single_run"  # executed by every run
SET_MEMBER = "bench.execute.set_member"  # executed by the members of timing sets
# Modules that a run imports without an effect on its numbers: they check and describe, and their
# results are in the configuration. All others count. Packages hold registries, whose entries are
# in the key by their targets.
DESCRIBING = (
    "bench.analysis",
    "bench.data.download",  # its files are checked by digest
    "bench.errors",
    "bench.execute.executor",
    "bench.outcome_keys",
    "bench.cell_names",
    "bench.import_graph",
    "bench.study_files",
    "bench.records",
    "bench.registry",
    "bench.stats",
    "bench.study",
)
MODULE, FILE = "module ", "file "
MOST_REASONS = 3
_JSON = json.JSONEncoder(sort_keys=True)


class OutcomeKeys:
    """The keys of runs that share their code, data and most of their configuration.

    Without the digest of their data where that is unknown.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        code: Mapping[str, str],
        fingerprint: Mapping[str, str],
        data: str | None = None,
    ) -> None:
        known = {} if data is None else {"data": data}
        self._shared = {**code, **known, **fingerprint}
        self._texts = _texts_of(configuration)

    def of(self, configuration: Mapping[str, Any]) -> dict[str, str]:
        """Return the key of the run with these fields besides the shared ones."""
        texts = self._texts | _texts_of(configuration)
        return {"configuration": _digest_of(texts), **self._shared}


def with_configuration(key: Mapping[str, str], configuration: Mapping[str, Any]) -> dict[str, str]:
    """Return the key of a run that differs only in its configuration."""
    digest = _digest_of(_texts_of(configuration))
    return {"configuration": digest, **{k: v for k, v in key.items() if k != "configuration"}}


def _texts_of(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Return each field as it stands in the configuration's JSON."""
    encode = _JSON.encode
    return {name: f"{encode(name)}: {encode(value)}" for name, value in configuration.items()}


def _digest_of(texts: Mapping[str, str]) -> str:
    """Return the digest of a configuration: of its JSON with sorted names."""
    return _digest(f"{{{', '.join([texts[name] for name in sorted(texts)])}}}")


def code_parts(targets: Iterable[str], root: str = RUN) -> dict[str, str]:
    """Return the key parts of all code that a run with these targets executes, beside `root`.

    A target is `package.module:callable`, or a module alone. Modules are found by their imports.
    """
    wanted = sorted(set(targets))
    modules: dict[str, Path] = {}
    for name in (root, *(target.partition(":")[0] for target in wanted)):
        modules |= _own_code(name) if _is_bench(name) else _code_of(name)
    digests = {name: _file_digest(path, _stamp(path)) for name, path in modules.items()}
    own = [f"{name} {digests[name]}" for name in sorted(digests) if _is_bench(name)]
    others = {MODULE + name: digest for name, digest in digests.items() if not _is_bench(name)}
    return {"code": _digest("\n".join((*wanted, *own))), **others}


def _code_of(module: str) -> Mapping[str, Path]:
    """Return the modules that count where one is imported, among them its own package."""
    top = module.partition(".")[0]
    own = (top,) if top not in ("bench", "torch", "torchvision") else ()

    def counts(name: str, found: Path) -> bool:
        if _is_bench(name):
            return found.name != "__init__.py" and not _describes(name)
        return name.partition(".")[0] in own or is_users(name, found)

    return imported_modules(module, counts)


_own_code = lru_cache(_code_of)  # bench's own files don't change while it runs


def _is_bench(module: str) -> bool:
    return module.partition(".")[0] == "bench"


def _describes(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in DESCRIBING)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4096)
def _file_digest(path: Path, stamp: tuple[int, int]) -> str:
    return source_digest(path)


def loaded_parts(
    already: Iterable[str], started_s: float, searched: Sequence[str]
) -> dict[str, str]:
    """Return the key parts of the user's modules that this process has loaded, however imported.

    `already` are the modules loaded before the run began, and `searched` its import path then: a
    module in a folder that a network added is identified by its file. A file that changed after
    `started_s` (seconds since the epoch) has no valid digest, so that its run is executed again.
    """
    parts = {}
    for name in sorted(set(sys.modules) - set(already)):
        path = _users_file(name)
        if path is None:
            continue
        has_changed = path.stat().st_mtime > started_s
        is_found = source_file(name, searched) is not None
        if is_found:
            parts[MODULE + name] = "changed while it ran" if has_changed else source_digest(path)
        elif not has_changed:  # else the run has written it, as compilers do
            parts[f"{FILE}{path}"] = source_digest(path)
    return parts


def _users_file(name: str) -> Path | None:
    """Return the file of a loaded module of the user's own."""
    for loaded in (name.partition(".")[0], name):
        file = getattr(sys.modules.get(loaded), "__file__", None)
        if not isinstance(file, str):
            if loaded == name:
                return None
            continue  # a namespace package has no file
        path = Path(file)
        if not is_users(loaded, path) or not path.is_absolute() or not path.is_file():
            return None
    return path


def changes(former: Mapping[str, str], key: Mapping[str, str]) -> str:
    """Describe what changed since an outcome with the key `former`; empty if nothing did."""
    if former == key:
        return ""
    reasons = list(dict.fromkeys(_changes(former, key)))
    more = len(reasons) - MOST_REASONS
    shown = reasons[:MOST_REASONS] + ([f"and {more} more"] if more > 0 else [])
    return ", ".join(shown)


def _changes(former: Mapping[str, str], key: Mapping[str, str]) -> Iterator[str]:
    for part in dict.fromkeys((*key, *former)):
        kind, separator, name = part.partition(" ")
        before, now = former.get(part), key.get(part)
        if before == now:
            continue
        if separator and kind + separator == VARIABLE:
            yield f"{name} {_setting(now)} ({_setting(before)} before)"
        elif separator:  # a module or a file
            digest, shown = _code_now(kind + separator, name, now)
            if digest != before:
                yield f"{shown} {'was removed' if digest is None else 'changed'}"
        elif now is not None:
            yield f"{part} changed"


def _setting(value: str | None) -> str:
    return "unset" if value is None else f"is {value or 'empty'}"


def _code_now(kind: str, name: str, known: str | None) -> tuple[str | None, str]:
    """Return the current digest of a module's file, and the file's name to show."""
    path = Path(name) if kind == FILE else source_file(name)
    if path is None or not path.is_file():
        return None, name
    digest = known or _file_digest(path, _stamp(path))
    here = Path.cwd()
    resolved = path.resolve()
    return digest, str(resolved.relative_to(here) if resolved.is_relative_to(here) else path)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
