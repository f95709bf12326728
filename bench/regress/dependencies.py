"""What the two sides ask to be installed, and whether what is installed is that."""

import tomllib
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from bench.regress.benchmark_names import printable
from bench.regress.worktrees import Sides

# Beside pyproject.toml, which is read: files whose every change may be one of dependencies.
FILES = (
    "requirements*.txt", "requirements/*.txt", "constraints*.txt", "environment*.y*ml",
    "setup.py", "setup.cfg", "Pipfile*", "*.lock", "pylock*.toml",
)  # fmt: skip


def dependencies_differ(sides: Sides, base_python: str | None) -> Iterator[str]:
    """Say where base and head ask for other packages; both ran with the same, unless told."""
    base, head = sides.base.folder, sides.head.folder
    changes = [*_declared(base, head), *_files(base, head)]
    if not changes:
        return
    yield f"dependencies differ: {'; '.join(changes)}"
    if base_python is None:
        yield (
            "both sides are measured with the packages installed here, so that what other ones "
            "change does not show; --base-python gives base an environment of its own"
        )


def unmet(sides: Sides, base_python: str | None) -> Iterator[str]:
    """Say what a side's pyproject.toml requires that the packages installed here are not."""
    for side in [sides.head] if base_python else [sides.base, sides.head]:
        for requirement in _unmet(side.folder):
            yield f"{side.name} needs {requirement}"


def _unmet(folder: Path) -> Iterator[str]:
    for requirement in _requirements(folder).values():
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"{requirement}, and it is not installed"
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement}, and {version} is installed"


def _declared(base: Path, head: Path) -> Iterator[str]:
    sides = _requirements(base), _requirements(head)
    for name in sorted(sides[0].keys() | sides[1].keys()):
        asked = [str(side[name]) if name in side else "nothing" for side in sides]
        if asked[0] != asked[1]:
            yield f"{asked[0]} → {asked[1]}"


def _files(base: Path, head: Path) -> Iterator[str]:
    names = {
        str(path.relative_to(side)) for side in (base, head) for f in FILES for path in side.glob(f)
    }
    for name in sorted(names):
        texts = [(side / name).read_bytes() for side in (base, head) if (side / name).is_file()]
        if len(texts) != 2 or texts[0] != texts[1]:
            yield f"{printable(name)} changed"


def _requirements(folder: Path) -> dict[str, Requirement]:
    """Read what a project needs to run, by name; what can't be read is left out."""
    try:
        told = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    project: Mapping[str, Any] = told.get("project") or {}
    found: dict[str, Requirement] = {}
    for text in project.get("dependencies") or []:
        try:
            requirement = Requirement(str(text))
        except InvalidRequirement:
            continue
        found[requirement.name.lower()] = requirement
    return found
