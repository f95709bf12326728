"""Prepare a study's data set, or select its fallback."""

from dataclasses import dataclass
from pathlib import Path

from bench.data import DATASETS
from bench.data.dataset_files import Progress
from bench.errors import DataError

OFFLINE = ", and downloads are disabled (--offline)"
ADVICE = (
    "Download it with a network connection (bench data fetch {name}), set its folder with "
    "--data-dir, or set a fallback in the study: dataset: {{name: {name}, fallback: digits}}."
)


@dataclass(frozen=True)
class Provision:
    """The requested data set, the one used, and the reason if it is another one.

    `digest` is that of the content of the used one; None before a download.
    """

    requested: str
    used: str
    why: str | None = None
    digest: str | None = None


def provide(
    name: str, fallback: str | None, data_dir: Path, *, offline: bool, progress: Progress
) -> Provision:
    """Verify a data set in `data_dir`; download it, or replace it by its fallback, if missing.

    Raises DataError for a damaged file, with or without a fallback, and for a set that is missing
    without one.
    """
    source = DATASETS[name]
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
            return Provision(name, used.used, error.what, used.digest)
    elif source.embedded:
        source.fetch(data_dir, progress)
    source.verify(data_dir)
    return Provision(name, name, digest=source.digest(data_dir))


def foresee(name: str, fallback: str | None, data_dir: Path, *, offline: bool) -> Provision:
    """Return what `provide` would return, without using the network or writing a file.

    Raises DataError for a damaged file.
    """
    source = DATASETS[name]
    missing = source.missing(data_dir)
    if missing is None:
        if not source.embedded:  # an embedded set is generated again if damaged
            source.verify(data_dir)
        return Provision(name, name, digest=source.digest(data_dir))
    if offline and fallback is not None:
        return Provision(name, fallback, missing + OFFLINE, DATASETS[fallback].digest(data_dir))
    return Provision(name, name, f"{missing}; `bench run` downloads it")
