"""`bench run` and `bench plan`."""

import shlex
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import (
    SHOWN,
    STUDY,
    Address,
    Budget,
    DataDir,
    ExecutorName,
    Jobs,
    Offline,
    Only,
    Out,
    Reports,
    Set,
    StudyFile,
    UntilCi,
    data_folder,
    executor_for,
    narrowing,
)

INTERRUPTED = 130


def run(
    study: StudyFile,
    set_: Set = None,
    only: Only = None,
    out: Out = Path("results"),
    reports: Reports = Path("reports"),
    data_dir: DataDir = None,
    offline: Offline = False,
    executor: ExecutorName = "local",
    address: Address = None,
    jobs: Jobs = 1,
    fresh: Annotated[
        bool, typer.Option("--fresh", rich_help_panel=STUDY, help="Reuse no earlier outcome.")
    ] = False,
    no_report: Annotated[
        bool, typer.Option("--no-report", rich_help_panel=SHOWN, help="Render no report.")
    ] = False,
    until_ci: UntilCi = None,
    budget: Budget = None,
    verbose: Annotated[
        bool,
        typer.Option(
            "-v",
            "--verbose",
            rich_help_panel=SHOWN,
            help="Print the training loop's own log lines.",
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", rich_help_panel=SHOWN, help="Tell all of it as lines of JSON, for scripts."
        ),
    ] = False,
) -> None:
    """Run a study: what is not there yet is trained and timed, tabulated and drawn.

    Example: bench run studies/baseline.yaml
    """
    from bench.cli.json_reporter import JsonReporter
    from bench.cli.terminal_reporter import TerminalReporter
    from bench.planning import Request
    from bench.runner import run_study

    request = Request(
        study,
        tuple(set_ or ()),
        out,
        reports,
        data_folder(data_dir),
        offline=offline,
        fresh=fresh,
        report=not no_report,
        verbose=verbose,
        narrowing=narrowing(until_ci, budget),
        command=shlex.join(["bench", *sys.argv[1:]]),
        only=tuple(only or ()),
    )
    carrier = executor_for(executor, jobs, address, quiet=as_json)
    chosen = JsonReporter() if as_json else TerminalReporter(verbose=verbose)
    try:
        with chosen as reporter, closing(carrier):
            finished = run_study(request, reporter, carrier)
    except KeyboardInterrupt:
        typer.echo("bench: interrupted; what was finished is kept.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    reporter.finished(finished)
    if finished.has_failed:
        raise typer.Exit(1)


def plan(
    study: StudyFile,
    set_: Set = None,
    only: Only = None,
    out: Out = Path("results"),
    data_dir: DataDir = None,
    offline: Offline = False,
    executor: ExecutorName = "local",
    address: Address = None,
    jobs: Jobs = 1,
) -> None:
    """List the runs of a study: what is cached, stale (and why), new, or will be skipped.

    Example: bench plan studies/baseline.yaml --set base.epochs=1
    """
    from bench.cli.plan_table import print_plan
    from bench.cli.terminal import console
    from bench.planning import Request, draw_up

    request = Request(
        study,
        tuple(set_ or ()),
        out,
        data_dir=data_folder(data_dir),
        offline=offline,
        only=tuple(only or ()),
    )
    with closing(executor_for(executor, jobs, address)) as carrier:
        print_plan(console(), draw_up(request, where=carrier.site))
