"""The packages that base and head require, compared with each other and with those installed."""

import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from bench.regress.benchmark_names import printable
from bench.regress.worktrees import Worktrees

# Files of which any change may be one of dependencies; pyproject.toml is parsed instead.
FILES = (
    "requirements*.txt", "requirements/*.txt", "constraints*.txt", "environment*.y*ml",
    "setup.py", "setup.cfg", "Pipfile*", "*.lock", "pylock*.toml",
)  # fmt: skip


def differing_dependencies(trees: Worktrees, base_python: str | None) -> Iterator[str]:
    """Yield remarks if base and head require different packages."""
    base, head = trees.base.folder, trees.head.folder
    changes = [*_changed_requirements(base, head), *_changed_files(base, head)]
    if changes:
        yield f"dependencies differ: {'; '.join(changes)}"
        if base_python is None:
            yield (
                "both are measured with the packages installed here, so the effect of other "
                "packages is not visible; --base-python gives base its own environment"
            )


def unmet_requirements(trees: Worktrees, base_python: str | None) -> Iterator[str]:
    """Yield the requirements in pyproject.toml that the installed packages don't meet."""
    for side in [trees.head] if base_python else [trees.base, trees.head]:
        for requirement in _requirements(side.folder).values():
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
                continue
            try:
                version = metadata.version(requirement.name)
            except metadata.PackageNotFoundError:
                yield f"{side.name} needs {requirement}, but it is not installed"
                continue
            if not requirement.specifier.contains(version, prereleases=True):
                yield f"{side.name} needs {requirement}, but {version} is installed"


def _changed_requirements(base: Path, head: Path) -> Iterator[str]:
    before, after = _requirements(base), _requirements(head)
    for name in sorted(before.keys() | after.keys()):
        old, new = (str(each.get(name, "nothing")) for each in (before, after))
        if old != new:
            yield f"{old} → {new}"


def _changed_files(base: Path, head: Path) -> Iterator[str]:
    names = {
        str(path.relative_to(side)) for side in (base, head) for f in FILES for path in side.glob(f)
    }
    for name in sorted(names):
        texts = [(side / name).read_bytes() for side in (base, head) if (side / name).is_file()]
        if len(texts) != 2 or texts[0] != texts[1]:
            yield f"{printable(name)} changed"


def _requirements(folder: Path) -> dict[str, Requirement]:
    """Read the run-time requirements by name, leaving out invalid ones."""
    try:
        document = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    requirements: dict[str, Requirement] = {}
    for text in (document.get("project") or {}).get("dependencies") or []:
        try:
            requirement = Requirement(str(text))
        except InvalidRequirement:
            continue
        requirements[requirement.name.lower()] = requirement
    return requirements
