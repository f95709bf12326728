"""What the exports have in common."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError


@dataclass(frozen=True)
class Exported:
    """What was exported, in words, and where it is now."""

    what: str
    where: str


def folder_for(results: Path, out: str | None) -> Path:
    """Give the folder that files go to: the chosen one, or exports/<study>."""
    return Path("exports") / results.resolve().name if out is None else Path(out)


def require(package: str, extra: str) -> None:
    """Raise BenchError where a package is missing that an extra of this one brings."""
    if importlib.util.find_spec(package) is None:
        raise BenchError(
            f"--to {extra}: {package} is not installed",
            hint=f"pip install 'small-vision-bench[{extra}]'",
        )
