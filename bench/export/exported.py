"""Results, target folders and requirements of exports."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError


@dataclass(frozen=True)
class Exported:
    """A description of what was exported, and its location."""

    what: str
    where: str


def folder_for(results: Path, out: str | None) -> Path:
    """Return the folder to export to: `out`, by default exports/<study>."""
    return Path("exports") / results.resolve().name if out is None else Path(out)


def require(package: str, extra: str) -> None:
    """Raise BenchError if a package of this extra is not installed."""
    if importlib.util.find_spec(package) is None:
        raise BenchError(
            f"--to {extra}: {package} is not installed",
            hint=f"pip install 'small-vision-bench[{extra}]'",
        )
