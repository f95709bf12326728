"""See to it that a data set lies ready and whole, or say which one serves instead."""

from dataclasses import dataclass
from pathlib import Path

from bench.data import DATASETS
from bench.data.images import Progress
from bench.errors import DataError


@dataclass(frozen=True)
class Provision:
    """The data set asked for, the one that serves, and why it is another one.

    `digest` is of the content of the one that serves; None where that is not there yet.
    """

    requested: str
    used: str
    why: str | None = None
    digest: str | None = None


def provide(
    name: str, fallback: str | None, data_dir: Path, *, offline: bool, progress: Progress
) -> Provision:
    """Make a data set ready in `data_dir`: verified, fetched, or replaced by its fallback.

    Raises DataError when a file is not what it should be, fallback or not: a damaged set is for
    the user to look at. Raises it too when the set can't be had and there is no fallback.
    """
    source = DATASETS[name]
    missing = source.missing(data_dir)
    if missing is not None:
        try:
            if offline:
                raise DataError(_offline(missing))
            source.fetch(data_dir, progress)
        except DataError as error:
            if fallback is None:
                raise DataError(error.what, where=error.where, hint=_mend(name, error)) from None
            served = provide(fallback, None, data_dir, offline=offline, progress=progress)
            return Provision(name, served.used, error.what, served.digest)
    elif source.embedded:
        source.fetch(data_dir, progress)
    source.verify(data_dir)
    return Provision(name, name, digest=source.digest(data_dir))


def foresee(name: str, fallback: str | None, data_dir: Path, *, offline: bool) -> Provision:
    """Say what `provide` would find, without touching the network or writing a file.

    Raises DataError when a file is not what it should be, as `provide` does.
    """
    source = DATASETS[name]
    missing = source.missing(data_dir)
    if missing is None:
        if not source.embedded:  # what can be made here is made anew
            source.verify(data_dir)
        return Provision(name, name, digest=source.digest(data_dir))
    if offline and fallback is not None:
        return Provision(name, fallback, _offline(missing), DATASETS[fallback].digest(data_dir))
    return Provision(name, name, f"{missing}; `bench run` downloads it")


def _offline(missing: str) -> str:
    return f"{missing}, and nothing may be downloaded (--offline)"


def _mend(name: str, error: DataError) -> str:
    advice = (
        f"Fetch it where there is a network (bench data fetch {name}), name its folder with "
        f"--data-dir, or give the study a fallback: dataset: {{name: {name}, fallback: digits}}."
    )
    return f"{error.hint}\n  {advice}" if error.hint else advice
