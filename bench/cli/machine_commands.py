"""Commands on this machine and its data: `bench doctor` and `bench data`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as opt
from bench.cli.completion import complete_registry
from bench.cli.exit_codes import ExitCode
from bench.cli.options import argument

if TYPE_CHECKING:
    from bench.data.source import Source

data_app = typer.Typer(
    help="Fetch and verify data sets.\n\nExample: bench data fetch mnist", no_args_is_help=True
)
DatasetName = Annotated[
    str,
    argument(
        "NAME",
        "Data set; see bench list datasets.",
        complete_registry("bench.data", "NAMED_DATASETS"),
    ),
]
COLOURS = {"good": "green", "warning": "yellow", "error": "bold red"}


def doctor(
    data_dir: opt.DataDir = None, out: opt.Out = Path("results"), as_json: opt.AsJson = False
) -> None:
    """Check whether this machine can give reliable timings, and suggest fixes.

    Changes nothing. Exit code 0; 1 if something doesn't work.

    Example: bench doctor
    """
    from rich.markup import escape

    from bench.cli.terminal import console
    from bench.doctor import Paths, check_machine

    target, findings = console(), []
    for finding in check_machine(Paths(opt.data_folder(data_dir), out)):
        findings.append(finding)
        if as_json:
            continue
        colour = COLOURS[finding.grade]
        target.print(f"[{colour}]{finding.grade}[/]  {finding.about}: {escape(finding.seen)}")
        for word, text in (("effect", finding.effect), ("hint", finding.hint)):
            if text:
                target.print(f"      [dim]{word}:[/] {escape(text)}")
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    if any(finding.grade == "error" for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


@data_app.command()
def fetch(name: DatasetName, data_dir: opt.DataDir = None, offline: opt.Offline = False) -> None:
    """Download a data set with a progress bar and check its digests.

    Example: bench data fetch mnist
    """
    from bench.cli.terminal import Bars, console
    from bench.errors import DataError

    source, folder = _source(name), opt.data_folder(data_dir)
    if offline and source.missing(folder):
        raise DataError(
            f"not in {folder}, and offline mode forbids the download",
            where=name,
            hint="Omit --offline and unset BENCH_OFFLINE, or name its folder with --data-dir.",
        )
    bars = Bars(console())
    try:
        source.fetch(folder, bars.fetching)
    finally:
        bars.stop()
    verify(name, data_dir)


@data_app.command()
def verify(name: DatasetName, data_dir: opt.DataDir = None) -> None:
    """Check a data set's files against their digests.

    Example: bench data verify mnist
    """
    from bench.cli.terminal import console

    folder = opt.data_folder(data_dir)
    _source(name).verify(folder)
    console().print(f"{name} in {folder} is complete", markup=False)


def _source(name: str) -> "Source":
    """Return a data set that needs no parameters but its name."""
    from bench.data import NAMED_DATASETS, TORCHVISION_DATASETS
    from bench.study.dataset_choice import DatasetChoice

    known = (*NAMED_DATASETS, *TORCHVISION_DATASETS)
    opt.check_name(name, known, "unknown dataset")
    return DatasetChoice.model_validate(name).source()
