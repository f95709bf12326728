"""The command line: parse, call, print, exit. Nothing below this package prints or exits.

Commands import what they need when they run, so that `--help` stays fast.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import (
    completion,
    machine_commands,
    regression_commands,
    results_commands,
    study_commands,
)
from bench.cli.crash_report import CommandGroup, UnexpectedError, report_crash
from bench.cli.exit_codes import ExitCode
from bench.cli.options import option
from bench.cli.streams import finish_streams, prepare_streams
from bench.errors import BenchError

app = typer.Typer(
    name="bench",
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


VERSION_HELP = "Print the version and exit."
Version = Annotated[
    bool, option("--version", VERSION_HELP, callback=study_commands.print_version, is_eager=True)
]


@app.callback()
def top(version: Version = False) -> None:
    """Benchmarks and ablation studies of small vision networks, with honest numbers.

    Example: bench run studies/baseline.yaml
    """


app.command("init")(study_commands.init)
app.command("run")(study_commands.run)
app.command("plan")(study_commands.plan)
app.command("report")(results_commands.report)
app.command("compare")(results_commands.compare)
app.command("certify")(results_commands.certify)
app.command("verify")(results_commands.verify)
app.command("export")(results_commands.export)
app.command("gate")(regression_commands.gate)
app.command("history")(regression_commands.history)
app.command("list")(study_commands.list_names)
app.command("schema")(study_commands.schema)
app.command("doctor")(machine_commands.doctor)
app.add_typer(machine_commands.data_app, name="data")


def main() -> None:
    """Run the command line; an error that the user can fix is one message and exit code 2."""
    prepare_streams()
    code = _exit_code(_run_command)
    sys.exit(_exit_code(finish_streams) or code)


def _exit_code(step: Callable[[], None]) -> int:
    try:
        step()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return ExitCode.INVALID_INPUT
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except UnexpectedError as error:
        return report_crash(error.__cause__ or error)
    except Exception as error:
        return report_crash(error)
    return ExitCode.OK


def _run_command() -> None:
    with suppress(OSError):  # the current folder was deleted
        # `import:` finds the user's modules here, after Python's own and installed ones.
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.append(here)
    command = partial(app, prog_name="bench")  # the name that shells complete
    if completion.is_bash_asking():
        completion.complete_in_bash(command)
    else:
        command()
