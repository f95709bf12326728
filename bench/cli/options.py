"""Options that several commands share."""

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

if TYPE_CHECKING:
    from bench.execute.executor import Executor
    from bench.planning import Narrowing

# How the help of a command with many options groups them.
STUDY = "What to run"
PLACES = "Files and data"
WAY = "How to run it"
SHOWN = "What to show"

StudyFile = Annotated[
    Path,
    typer.Argument(
        metavar="STUDY.yaml",
        help="The study file.",
        show_default=False,
        autocompletion=complete_study,
    ),
]
Results = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="A results folder.",
        show_default=False,
        autocompletion=complete_results,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        rich_help_panel=STUDY,
        help="Change a field of the study; may be repeated. "
        "For example --set base.epochs=1 --set 'axes.batch_size=[64,512]'.",
        autocompletion=complete_setting,
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CELL",
        rich_help_panel=STUDY,
        help="Leave all other cells out, as if the study had only this one, by its name or id "
        "as `bench plan` gives them; may be repeated.",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out", metavar="DIR", rich_help_panel=PLACES, help="Where results/<study>/ goes."
    ),
]
Reports = Annotated[
    Path,
    typer.Option(
        "--reports", metavar="DIR", rich_help_panel=PLACES, help="Where reports/<study>/ goes."
    ),
]
UntilCi = Annotated[
    str | None,
    typer.Option(
        "--until-ci",
        metavar="WIDTH",
        rich_help_panel=STUDY,
        help="Time cells again until each step's interval is within ± WIDTH, e.g. 2%.",
        show_default=False,
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        rich_help_panel=STUDY,
        help="How long to do so, e.g. 10m (the default); without --until-ci: all of it.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        rich_help_panel=WAY,
        help="Trials that may run at once on a machine, each on cores of its own; timing blocks "
        "run alone.",
    ),
]
ExecutorName = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="local|inline|ray",
        rich_help_panel=WAY,
        help="local: each run in a fresh process; inline: all in this one; ray: on a cluster.",
        autocompletion=complete_executor,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="auto|HOST:PORT",
        rich_help_panel=WAY,
        help="The Ray cluster to join; without one, ray starts one on this machine.",
        show_default=False,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        envvar="BENCH_DATA_DIR",
        rich_help_panel=PLACES,
        help="Where the data sets lie, in torchvision's layout; your cache folder by default.",
    ),
]
Offline = Annotated[
    bool,
    typer.Option(
        "--offline", envvar="BENCH_OFFLINE", rich_help_panel=PLACES, help="Download nothing."
    ),
]


def executor_for(where: str, jobs: int, address: str | None, *, quiet: bool = False) -> "Executor":
    """Make the executor that was asked for, and say so where that takes seconds."""
    from bench.execute import EXECUTORS

    if where not in EXECUTORS:
        raise BenchError(f"--executor: unknown '{where}'", hint=did_you_mean(where, EXECUTORS))
    if where == "ray":
        executor = EXECUTORS[where](jobs, address)
        joined = f"joining the Ray cluster at {address}" if address else "starting Ray here"
        if not quiet:
            typer.echo(f"{joined} …")
        return executor
    if address is not None:
        raise BenchError("--address goes with --executor ray", hint="Add it, or leave this out.")
    return EXECUTORS[where](_checked(jobs))


def _checked(jobs: int) -> int:
    """Refuse more jobs than there are cores to share out."""
    from bench.measure.machine import core_count

    cores = core_count()
    if jobs > cores:
        raise BenchError(
            f"--jobs {jobs}: bench may use {cores} core{'s' * (cores > 1)} here",
            hint="Each job needs a core of its own.",
        )
    return jobs


def data_folder(chosen: Path | None) -> Path:
    """Give the data folder: the chosen one, or the user's cache folder."""
    if chosen is not None:
        return chosen
    import platformdirs

    return Path(platformdirs.user_cache_dir("bench")) / "data"


def narrowing(until_ci: str | None, budget: str | None) -> "Narrowing | None":
    """Read `--until-ci` and `--budget`: either asks for further blocks; ten minutes by default."""
    if until_ci is None and budget is None:
        return None
    from bench.planning import Narrowing

    half_width = 0.0 if until_ci is None else fraction(until_ci, "--until-ci")
    return Narrowing(half_width, seconds(budget or "10m", "--budget"))


def fraction(text: str, option: str) -> float:
    """Read 2% or 0.02; raises BenchError for what is no share of something."""
    number, percent, rest = text.strip().partition("%")
    try:
        fraction = float(number) / (100 if percent else 1)
    except ValueError:
        fraction = -1.0
    if rest or not 0 < fraction < 1:
        raise BenchError(
            f"{option}: '{text}' is no share", hint="Write it as 2% or 0.02: more than 0, below 1."
        )
    return fraction


def seconds(text: str, option: str) -> float:
    """Read 90s, 10m or 1h30m; raises BenchError for what is no time."""
    from pydantic import TypeAdapter, ValidationError

    from bench.study.spec import Duration

    try:
        return float(TypeAdapter(Duration).validate_python(text))
    except ValidationError:
        hint = "Write it as 90s, 10m or 1h30m."
        raise BenchError(f"{option}: '{text}' is no time", hint=hint) from None
