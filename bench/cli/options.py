"""Options and arguments that several commands share, and how their values are read."""

import os
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from platformdirs import user_cache_dir

from bench.cli.completion import (
    complete_registry,
    complete_results,
    complete_setting,
    complete_study,
)
from bench.errors import BenchError, did_you_mean
from bench.formatting import plural

if TYPE_CHECKING:
    from bench.execute.executor import Executor
    from bench.planning import Deciding, Narrowing

# Panels that group the options of a command with many.
STUDY = "Study"
FILES = "Files and data"
EXECUTION = "Execution"
OUTPUT = "Output"


def option(spec: str, text: str, panel: str | None = None, **settings: Any) -> Any:
    """Return a typer option from its flags, its metavar if any, and its help: "--out DIR"."""
    flags = [word for word in spec.split() if word.startswith("-")]
    metavar = next((word for word in spec.split() if not word.startswith("-")), None)
    return typer.Option(*flags, metavar=metavar, help=text, rich_help_panel=panel, **settings)


def argument(metavar: str, text: str, complete: Callable[..., Any] | None = None) -> Any:
    """Return a typer argument."""
    return typer.Argument(metavar=metavar, help=text, autocompletion=complete)


StudyFile = Annotated[Path, argument("STUDY.yaml", "Study file.", complete_study)]
Results = Annotated[Path, argument("DIR", "Results folder.", complete_results)]
SET_HELP = (
    "Override a field of the study; repeatable. "
    "For example --set base.epochs=1 --set 'axes.batch_size=[64,512]'."
)
Set = Annotated[
    list[str] | None,
    option("--set PATH=VALUE", SET_HELP, STUDY, autocompletion=complete_setting),
]
ONLY_HELP = "Run only this cell, given by its name or id in `bench plan`; repeatable."
Only = Annotated[list[str] | None, option("--only CELL", ONLY_HELP, STUDY)]
Out = Annotated[Path, option("--out DIR", "Parent folder of the results.", FILES)]
Reports = Annotated[Path, option("--reports DIR", "Parent folder of the report.", FILES)]
UNTIL_CI_HELP = (
    "Add timing sets until each cell's step time relative to the baseline's has an interval of "
    "at most WIDTH on either side, e.g. 2%."
)
UntilCi = Annotated[str | None, option("--until-ci WIDTH", UNTIL_CI_HELP, STUDY)]
UNTIL_DECIDED_HELP = (
    "Train with further seeds until the accuracy of each cell is better, worse or equivalent."
)
UntilDecided = Annotated[bool, option("--until-decided", UNTIL_DECIDED_HELP, STUDY)]
BUDGET_HELP = (
    "Time limit of --until-ci, and of --until-decided, e.g. 10m (the default). Without either, add "
    "timing sets until it is used up."
)
Budget = Annotated[str | None, option("--budget TIME", BUDGET_HELP, STUDY)]
JOBS_HELP = (
    "Trials to run at once on a machine, each on its own cores; timing sets always run alone."
)
Jobs = Annotated[int, option("--jobs N", JOBS_HELP, EXECUTION, min=1)]
EXECUTOR_HELP = (
    "local: a new process for each run; inline: all runs in this process; ray: on a Ray cluster."
)
ExecutorName = Annotated[
    str,
    option(
        "--executor local|inline|ray",
        EXECUTOR_HELP,
        EXECUTION,
        autocompletion=complete_registry("bench.execute", "EXECUTORS"),
    ),
]
ADDRESS_HELP = "Ray cluster to join; by default, Ray is started on this machine."
Address = Annotated[str | None, option("--address auto|HOST:PORT", ADDRESS_HELP, EXECUTION)]
DATA_DIR_HELP = "Folder of the data sets, in torchvision's layout; by default in the user's cache."
DataDir = Annotated[
    Path | None, option("--data-dir DIR", DATA_DIR_HELP, FILES, envvar="BENCH_DATA_DIR")
]
Offline = Annotated[bool, option("--offline", "Download nothing.", FILES, envvar="BENCH_OFFLINE")]
AsJson = Annotated[bool, option("--json", "Print a JSON list of objects.")]


def make_executor(
    name: str,
    jobs: int,
    address: str | None,
    *,
    quiet: bool = False,
    turn_fd: int | None = None,
) -> "Executor":
    """Return the executor of this name; unless quiet, announce a start of Ray, which is slow.

    The local one asks for its turns on the file descriptor `turn_fd`.
    """
    from bench.execute import EXECUTORS
    from bench.measure.machine import core_count

    check_name(name, EXECUTORS, "--executor: unknown")
    if name == "ray":
        executor = EXECUTORS[name](jobs, address)
        if not quiet:
            start = f"joining the Ray cluster at {address}" if address else "starting Ray here"
            typer.echo(f"{start} …")
        return executor
    if address is not None:
        raise BenchError("--address requires --executor ray", hint="Add it, or omit --address.")
    if jobs < 1:
        raise BenchError(f"--jobs: expected a positive integer, got {jobs}")
    if jobs > (cores := core_count()):
        raise BenchError(
            f"--jobs {jobs}: only {plural(cores, 'core')} available",
            hint="Each job needs its own core.",
        )
    if turn_fd is not None:
        from bench.execute.local_executor import LocalExecutor
        from bench.execute.turn_taking import Permission

        os.set_inheritable(turn_fd, False)
        return LocalExecutor(jobs, Permission(Connection(turn_fd)))
    return EXECUTORS[name](jobs)


def check_name(name: str, known: Iterable[str], problem: str) -> None:
    """Raise BenchError with the nearest known name unless `name` is known."""
    if name not in (names := list(known)):
        raise BenchError(f"{problem} '{name}'", hint=did_you_mean(name, names))


def data_folder(chosen: Path | None) -> Path:
    """Return the data folder: the chosen one, or that in the user's cache folder."""
    return chosen or Path(user_cache_dir("bench")) / "data"


def parse_additions(
    until_ci: str | None, budget: str | None, *, until_decided: bool
) -> "tuple[Narrowing | None, Deciding | None]":
    """Parse `--until-ci`, `--until-decided` and their `--budget`; None for what is not to do."""
    from bench.planning import Deciding, Narrowing

    budget_s = parse_duration(budget or "10m", "--budget")
    deciding = Deciding(budget_s) if until_decided else None
    if until_ci is None and (budget is None or until_decided):
        return None, deciding
    half_width = 0.0 if until_ci is None else parse_fraction(until_ci, "--until-ci")
    return Narrowing(half_width, budget_s), deciding


def parse_fraction(text: str, name: str) -> float:
    """Parse 2% or 0.02; raise BenchError unless it is between 0 and 1, both excluded."""
    number, percent, rest = text.strip().partition("%")
    try:
        fraction = float(number) / (100 if percent else 1)
    except ValueError:
        fraction = -1.0
    if rest or not 0 < fraction < 1:
        raise BenchError(
            f"{name}: invalid fraction '{text}'",
            hint="Expected more than 0 and less than 1, such as 2% or 0.02.",
        )
    return fraction


def parse_duration(text: str, name: str) -> float:
    """Parse 90s, 10m or 1h30m into seconds; raise BenchError for anything else."""
    from pydantic import TypeAdapter, ValidationError

    from bench.study.spec import Duration

    try:
        return float(TypeAdapter(Duration).validate_python(text))
    except ValidationError:
        hint = "Expected 90s, 10m or 1h30m."
        raise BenchError(f"{name}: invalid duration '{text}'", hint=hint) from None
