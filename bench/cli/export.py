"""`bench export`: a study for other tools."""

from typing import Annotated

import typer

from bench.cli.options import Results


def export(
    results: Results,
    to: Annotated[
        str,
        typer.Option(
            metavar="parquet|mlflow|github-action-benchmark",
            help="parquet: a file a table, types kept. mlflow: a run a trial, nested in a run a "
            "cell; what is there already is not logged again. github-action-benchmark: a JSON "
            "file for each of its tools customSmallerIsBetter and customBiggerIsBetter.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="The folder for files, exports/<study> by default; of mlflow the tracking URI, "
            "MLFLOW_TRACKING_URI or MLflow's own by default.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Export a results folder to a tool of your own; nothing in the folder changes.

    Example: bench export results/baseline --to mlflow --out sqlite:///mlflow.db
    """
    from bench.cli.terminal import console
    from bench.errors import BenchError, did_you_mean
    from bench.export import EXPORTERS

    if to not in EXPORTERS:
        raise BenchError(f"--to: no format '{to}'", hint=did_you_mean(to, EXPORTERS))
    done = EXPORTERS[to](results, out)
    console().print(f"{done.what}: {done.where}", markup=False)
