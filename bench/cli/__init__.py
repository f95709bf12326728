"""The command line: parse, call, print, exit. Nothing below it prints or exits.

Commands import what they need when they run, so that `--help` answers at once.
"""

import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import (
    compare,
    completion,
    data,
    doctor,
    export,
    gate,
    history,
    init,
    inspect,
    report,
    run,
    verify,
)
from bench.cli.streams import finish_streams, settle_streams
from bench.cli.unexpected import Commands, UnexpectedError, report_unexpected
from bench.errors import BenchError

INTERRUPTED = 130

app = typer.Typer(
    name="bench",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def top(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=inspect.print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Benchmarks and ablation studies of small vision networks, with honest numbers.

    Example: bench run studies/baseline.yaml
    """


app.command("init")(init.init)
app.command("run")(run.run)
app.command("plan")(run.plan)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.command("verify")(verify.verify)
app.command("export")(export.export)
app.command("gate")(gate.gate)
app.command("history")(history.history)
app.command("list")(inspect.list_names)
app.command("schema")(inspect.schema)
app.command("doctor")(doctor.doctor)
app.add_typer(data.app, name="data")


def main() -> None:
    """Run the command line; what a user can hint is one message and exit code 2."""
    settle_streams()
    try:
        _offer_folder()
        _answer()
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except UnexpectedError as error:
        sys.exit(report_unexpected(error.__cause__ or error))
    except Exception as error:
        sys.exit(report_unexpected(error))
    finally:
        finish_streams()


def _offer_folder() -> None:
    """Let `import:` find the user's modules here, behind Python's own and installed ones."""
    with suppress(OSError):  # a folder that is gone
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.append(here)


def _answer() -> None:
    command = partial(app, prog_name="bench")  # by which shells know it, however it is started
    if completion.is_bash_asking():
        completion.complete_in_bash(command)
    else:
        command()
