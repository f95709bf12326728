"""Prepare a study's data set, or select its fallback."""

from dataclasses import dataclass, field
from pathlib import Path

from bench.data.source import Location, Progress, Source
from bench.errors import DataError

OFFLINE = ", and downloads are disabled (--offline or BENCH_OFFLINE)"
ADVICE = (
    "Download it with a network connection (bench data fetch {name}), set its folder with "
    "--data-dir, or set a fallback in the study: dataset: {{name: {name}, fallback: digits}}."
)


@dataclass(frozen=True)
class Provision:
    """The requested data set, the one used, the reason if it is another one, and where it is."""

    requested: str
    used: str
    why: str | None = None
    location: Location = field(default_factory=Location)


def provide(
    source: Source, fallback: Source | None, data_dir: Path, *, offline: bool, progress: Progress
) -> Provision:
    """Verify a data set; download, generate or decode it, or use its fallback, if it is missing.

    Raises DataError for a damaged file, with or without a fallback, and for a set that is missing
    without one.
    """
    name = source.name
    missing = source.missing(data_dir)
    if missing is not None:
        try:
            if offline:
                raise DataError(missing + OFFLINE)
            source.fetch(data_dir, progress)
        except DataError as error:
            if fallback is None:
                hints = [error.hint] if error.hint else []
                hint = "\n  ".join([*hints, ADVICE.format(name=name)])
                raise DataError(error.what, where=error.where, hint=hint) from None
            used = provide(fallback, None, data_dir, offline=offline, progress=progress)
            return Provision(name, used.used, error.what, used.location)
    elif source.is_local:
        source.fetch(data_dir, progress)
    source.verify(data_dir)
    return Provision(name, name, location=source.locate(data_dir))


def foresee(source: Source, fallback: Source | None, data_dir: Path, *, offline: bool) -> Provision:
    """Return what `provide` would return, without using the network or writing a file.

    Raises DataError for a damaged file.
    """
    name = source.name
    missing = source.missing(data_dir)
    if missing is None:
        if not source.is_local:  # a local set is made again if damaged
            source.verify(data_dir)
        return Provision(name, name, location=source.locate(data_dir))
    if offline and fallback is not None:
        location = fallback.locate(data_dir)
        return Provision(name, fallback.name, missing + OFFLINE, location)
    why = missing + OFFLINE if offline else f"{missing}; `bench run` downloads it"
    return Provision(name, name, why, source.locate(data_dir))
