"""`bench init`: a study to begin with."""

import shlex
from pathlib import Path
from typing import Annotated

import typer


def init(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Of the study: small letters, digits, _ and -.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The file to write, or its folder; by default NAME.yaml in the folder studies, "
            "or here where there is none.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a study to begin with, every line of it explained; it runs as it is.

    An editor that knows YAML checks and completes it. No file is overwritten.

    Example: bench init my_study
    """
    from bench.study.starter import write_starter
    from bench.study_files import ENDINGS, STUDIES

    place = out or (STUDIES if STUDIES.is_dir() else Path())
    path = place if place.suffix in ENDINGS else place / f"{name}.yaml"
    for written in write_starter(name, path):
        typer.echo(f"wrote {written}")
    study = shlex.quote(str(path))
    typer.echo(f"next: bench plan {study}\n      bench run {study}")
