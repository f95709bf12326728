"""Options and arguments that several commands share, and how their values are read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.completion import (
    complete_executor,
    complete_results,
    complete_setting,
    complete_study,
)
from bench.errors import BenchError, did_you_mean
from bench.formatting import plural

if TYPE_CHECKING:
    from bench.execute.executor import Executor
    from bench.planning import Narrowing

# Panels that group the options of a command with many.
STUDY = "Study"
FILES = "Files and data"
EXECUTION = "Execution"
OUTPUT = "Output"

StudyFile = Annotated[
    Path,
    typer.Argument(metavar="STUDY.yaml", help="Study file.", autocompletion=complete_study),
]
Results = Annotated[
    Path,
    typer.Argument(metavar="DIR", help="Results folder.", autocompletion=complete_results),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        rich_help_panel=STUDY,
        help="Override a field of the study; repeatable. "
        "For example --set base.epochs=1 --set 'axes.batch_size=[64,512]'.",
        autocompletion=complete_setting,
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CELL",
        rich_help_panel=STUDY,
        help="Run only this cell, given by its name or id in `bench plan`; repeatable.",
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out", metavar="DIR", rich_help_panel=FILES, help="Parent folder of the results."
    ),
]
Reports = Annotated[
    Path,
    typer.Option(
        "--reports", metavar="DIR", rich_help_panel=FILES, help="Parent folder of the report."
    ),
]
UntilCi = Annotated[
    str | None,
    typer.Option(
        "--until-ci",
        metavar="WIDTH",
        rich_help_panel=STUDY,
        help="Add timing blocks until the interval of each cell's step time is at most WIDTH "
        "on either side of the median, e.g. 2%.",
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        rich_help_panel=STUDY,
        help="Time limit of --until-ci, e.g. 10m (the default). Without --until-ci, add timing "
        "blocks until it is used up.",
    ),
]
Jobs = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        rich_help_panel=EXECUTION,
        help="Trials to run at once on a machine, each on its own cores; timing blocks always "
        "run alone.",
    ),
]
ExecutorName = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="local|inline|ray",
        rich_help_panel=EXECUTION,
        help="local: a new process for each run; inline: all runs in this process; "
        "ray: on a Ray cluster.",
        autocompletion=complete_executor,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="auto|HOST:PORT",
        rich_help_panel=EXECUTION,
        help="Ray cluster to join; by default, Ray is started on this machine.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        envvar="BENCH_DATA_DIR",
        rich_help_panel=FILES,
        help="Folder of the data sets, in torchvision's layout; by default in the user's cache.",
    ),
]
Offline = Annotated[
    bool,
    typer.Option(
        "--offline", envvar="BENCH_OFFLINE", rich_help_panel=FILES, help="Download nothing."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON list of objects.")]


def make_executor(name: str, jobs: int, address: str | None, *, quiet: bool = False) -> "Executor":
    """Return the executor of this name; unless quiet, announce a start of Ray, which is slow."""
    from bench.execute import EXECUTORS
    from bench.measure.machine import core_count

    if name not in EXECUTORS:
        raise BenchError(f"--executor: unknown '{name}'", hint=did_you_mean(name, EXECUTORS))
    if name == "ray":
        executor = EXECUTORS[name](jobs, address)
        if not quiet:
            start = f"joining the Ray cluster at {address}" if address else "starting Ray here"
            typer.echo(f"{start} …")
        return executor
    if address is not None:
        raise BenchError("--address requires --executor ray", hint="Add it, or omit --address.")
    if jobs > (cores := core_count()):
        raise BenchError(
            f"--jobs {jobs}: only {plural(cores, 'core')} available",
            hint="Each job needs its own core.",
        )
    return EXECUTORS[name](jobs)


def data_folder(chosen: Path | None) -> Path:
    """Return the data folder: the chosen one, or that in the user's cache folder."""
    if chosen is not None:
        return chosen
    import platformdirs

    return Path(platformdirs.user_cache_dir("bench")) / "data"


def parse_narrowing(until_ci: str | None, budget: str | None) -> "Narrowing | None":
    """Parse `--until-ci` and `--budget`; None without either of them."""
    if until_ci is None and budget is None:
        return None
    from bench.planning import Narrowing

    half_width = 0.0 if until_ci is None else parse_fraction(until_ci, "--until-ci")
    return Narrowing(half_width, parse_duration(budget or "10m", "--budget"))


def parse_fraction(text: str, option: str) -> float:
    """Parse 2% or 0.02; raise BenchError unless it is between 0 and 1, both excluded."""
    number, percent, rest = text.strip().partition("%")
    try:
        fraction = float(number) / (100 if percent else 1)
    except ValueError:
        fraction = -1.0
    if rest or not 0 < fraction < 1:
        raise BenchError(
            f"{option}: invalid fraction '{text}'",
            hint="Expected more than 0 and less than 1, such as 2% or 0.02.",
        )
    return fraction


def parse_duration(text: str, option: str) -> float:
    """Parse 90s, 10m or 1h30m into seconds; raise BenchError for anything else."""
    from pydantic import TypeAdapter, ValidationError

    from bench.study.spec import Duration

    try:
        return float(TypeAdapter(Duration).validate_python(text))
    except ValidationError:
        raise BenchError(
            f"{option}: invalid duration '{text}'", hint="Expected 90s, 10m or 1h30m."
        ) from None
