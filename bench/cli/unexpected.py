"""What no command expects: an error of bench itself, told from every answer by its exit code."""

import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from typer.core import TyperGroup

from bench import __version__
from bench.errors import BenchError

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h
LONGEST = 300


class UnexpectedError(BaseException):
    """Carries an unexpected error past typer, which makes an answer of some: see its cause."""


class Commands(TyperGroup):
    """The commands of bench; typer would end with 1 for an EOFError or a broken pipe."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the command line."""
        with _marked():
            return super().make_context(*args, **kwargs)

    def invoke(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command."""
        with _marked():
            return super().invoke(*args, **kwargs)


@contextmanager
def _marked() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if isinstance(error, BenchError) or _is_of_typer(error):
            raise
        raise UnexpectedError from error


def _is_of_typer(error: Exception) -> bool:
    """Tell whether it is typer's own way to end a command."""
    modules = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return bool(modules & {"typer", "click"})


def report_unexpected(error: BaseException) -> int:
    """Print one message that says where the traceback was written; return the exit code."""
    trace = "".join(traceback.format_exception(error))
    where = _written(trace)
    if where is None:
        sys.stderr.write(trace)
    told = " ".join(str(error).split())
    kind = type(error).__name__
    what = f"{kind}: {told}" if told else kind
    hint = (
        f"The traceback is in {where}. Please report it with that file."
        if where
        else "The traceback stands above: no folder for it can be written. Please report it."
    )
    sys.stderr.write(f"bench: unexpected error: {what[:LONGEST]}\n  {hint}\n")
    return EXIT_CODE


def _written(trace: str) -> Path | None:
    """Write a traceback into the first folder that takes it."""
    import platformdirs

    now = datetime.now().astimezone()
    text = f"bench {__version__}, Python {sys.version}\n{sys.argv}\n\n{trace}"
    for folder in (platformdirs.user_log_dir("bench"), tempfile.gettempdir()):
        path = Path(folder)
        try:
            path.mkdir(parents=True, exist_ok=True)
            file = tempfile.NamedTemporaryFile(  # noqa: SIM115
                "w",
                encoding="utf-8",
                errors="backslashreplace",
                dir=path,
                prefix=f"bench-{now:%Y%m%dT%H%M%S}-",
                suffix=".log",
                delete=False,
            )
            with file:
                file.write(text)
        except OSError:
            continue
        return Path(file.name)
    return None
