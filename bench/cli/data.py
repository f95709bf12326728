"""`bench data`."""

from typing import Annotated

import typer

from bench.cli.completion import complete_dataset
from bench.cli.options import DataDir, Offline, data_folder

app = typer.Typer(
    help="Fetch and verify data sets.\n\nExample: bench data fetch mnist", no_args_is_help=True
)
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A data set; see bench list datasets.",
        autocompletion=complete_dataset,
    ),
]


@app.command()
def fetch(name: Name, data_dir: DataDir = None, offline: Offline = False) -> None:
    """Download a data set with a progress bar and check its digests.

    Example: bench data fetch mnist
    """
    from bench.cli.progress import Bars
    from bench.cli.terminal import console
    from bench.data import DATASETS
    from bench.errors import DataError

    source = DATASETS[_known(name)]
    folder = data_folder(data_dir)
    if offline and source.missing(folder):
        raise DataError(
            "is not there, and nothing may be downloaded (--offline)",
            where=name,
            hint=f"Leave --offline out, or name by --data-dir a folder that has it; not {folder}.",
        )
    target = console()
    bars = Bars(target)
    try:
        source.fetch(folder, bars.fetching if target.is_terminal else _silent)
    finally:
        bars.stop()
    source.verify(folder)
    target.print(f"{name} is whole in {folder}", markup=False)


@app.command()
def verify(name: Name, data_dir: DataDir = None) -> None:
    """Check a data set's files against their digests.

    Example: bench data verify mnist
    """
    from bench.cli.terminal import console
    from bench.data import DATASETS

    folder = data_folder(data_dir)
    DATASETS[_known(name)].verify(folder)
    console().print(f"{name} is whole in {folder}", markup=False)


def _known(name: str) -> str:
    from bench.data import DATASETS
    from bench.errors import DataError, did_you_mean

    if name not in DATASETS:
        raise DataError(f"unknown dataset '{name}'. {did_you_mean(name, DATASETS)}".strip())
    return name


def _silent(what: str, done: int, total: int) -> None:
    """Say nothing: there is no terminal to draw a bar on."""
