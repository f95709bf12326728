"""Commands on a study file: `bench init`, `run`, `plan`, `list` and `schema`."""

import shlex
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from bench import __version__
from bench.cli import options as opt
from bench.cli.completion import complete_registry
from bench.cli.exit_codes import ExitCode
from bench.cli.name_lists import LISTS, print_list
from bench.cli.options import argument, option

INIT_OUT_HELP = (
    "File or folder to write to; by default NAME.yaml in the folder studies if it exists, else "
    "here."
)
VERBOSE_HELP = "Print log lines of the training loop."
JSON_HELP = "Print a JSON object per event."


def init(
    name: Annotated[str, argument("NAME", "Study name: lower-case letters, digits, _ and -.")],
    out: Annotated[Path | None, option("--out PATH", INIT_OUT_HELP)] = None,
) -> None:
    """Write a commented starter study, ready to run.

    Editors with YAML support validate and complete it. No file is
    overwritten.

    Example: bench init my_study
    """
    from bench.study.starter import write_starter
    from bench.study_files import STUDIES, SUFFIXES

    target = out or (STUDIES if STUDIES.is_dir() else Path())
    path = target if target.suffix in SUFFIXES else target / f"{name}.yaml"
    for written in write_starter(name, path):
        typer.echo(f"wrote {written}")
    study = shlex.quote(str(path))
    typer.echo(f"next: bench plan {study}\n      bench run {study}")


def run(
    study: opt.StudyFile,
    set_: opt.Set = None,
    only: opt.Only = None,
    out: opt.Out = Path("results"),
    reports: opt.Reports = Path("reports"),
    data_dir: opt.DataDir = None,
    offline: opt.Offline = False,
    executor: opt.ExecutorName = "local",
    address: opt.Address = None,
    jobs: opt.Jobs = 1,
    fresh: Annotated[bool, option("--fresh", "Reuse no finished run.", opt.STUDY)] = False,
    no_report: Annotated[bool, option("--no-report", "Render no report.", opt.OUTPUT)] = False,
    until_ci: opt.UntilCi = None,
    until_decided: opt.UntilDecided = False,
    budget: opt.Budget = None,
    verbose: Annotated[bool, option("-v --verbose", VERBOSE_HELP, opt.OUTPUT)] = False,
    as_json: Annotated[bool, option("--json", JSON_HELP, opt.OUTPUT)] = False,
    turn_fd: Annotated[int | None, typer.Option("--turn-fd", hidden=True)] = None,  # of bench gate
) -> None:
    """Run a study, reusing finished runs.

    Writes tables to results/<study>/ and a report to reports/<study>/.

    Example: bench run studies/baseline.yaml
    """
    from bench.cli.json_reporter import JsonReporter
    from bench.cli.terminal_reporter import TerminalReporter
    from bench.planning import Request
    from bench.runner import run_study

    narrowing, deciding = opt.parse_additions(until_ci, budget, until_decided=until_decided)
    request = Request(
        study,
        tuple(set_ or ()),
        out,
        reports,
        opt.data_folder(data_dir),
        offline=offline,
        fresh=fresh,
        report=not no_report,
        verbose=verbose,
        narrowing=narrowing,
        deciding=deciding,
        command=shlex.join(["bench", *sys.argv[1:]]),
        only=tuple(only or ()),
    )
    run_executor = opt.make_executor(executor, jobs, address, quiet=as_json, turn_fd=turn_fd)
    reporter = JsonReporter() if as_json else TerminalReporter(verbose=verbose)
    try:
        with reporter, closing(run_executor):
            finished = run_study(request, reporter, run_executor)
    except KeyboardInterrupt:
        typer.echo("bench: interrupted; finished runs are kept.", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    reporter.finished(finished)
    if finished.has_failed:
        raise typer.Exit(ExitCode.FAILED)


def plan(
    study: opt.StudyFile,
    set_: opt.Set = None,
    only: opt.Only = None,
    out: opt.Out = Path("results"),
    data_dir: opt.DataDir = None,
    offline: opt.Offline = False,
    executor: opt.ExecutorName = "local",
    address: opt.Address = None,
    jobs: opt.Jobs = 1,
) -> None:
    """List the runs of a study: cached, stale, new or skipped, with reasons and an estimate.

    Example: bench plan studies/baseline.yaml --set base.epochs=1
    """
    from bench.cli.plan_table import print_plan
    from bench.cli.terminal import console
    from bench.planning import Request, plan_study

    request = Request(
        study,
        tuple(set_ or ()),
        out,
        data_dir=opt.data_folder(data_dir),
        offline=offline,
        only=tuple(only or ()),
    )
    with closing(opt.make_executor(executor, jobs, address)) as run_executor:
        print_plan(console(), plan_study(request, resources_for=run_executor.resources))


def list_names(
    what: Annotated[
        str | None,
        argument(
            "LIST",
            f"One of {', '.join(LISTS)}; by default all.",
            complete_registry("bench.cli.name_lists", "LISTS"),
        ),
    ] = None,
) -> None:
    """List the names that a study file can use, with parameters and defaults.

    Example: bench list optimizers
    """
    from bench.cli.terminal import console

    if what is not None:
        opt.check_name(what, LISTS, "unknown list")
    target = console()
    for i, name in enumerate([what] if what else LISTS):
        if i:
            target.print()
        print_list(target, name)


def schema() -> None:
    """Print the JSON Schema of a study file, for editors that validate and complete.

    Example: bench schema > studies/schema.json
    """
    from bench.study.json_schema import schema_text

    typer.echo(schema_text(), nl=False)


def print_version(is_requested: bool) -> None:
    """Print the version and exit, if requested."""
    if is_requested:
        typer.echo(f"bench {__version__}")
        raise typer.Exit()
