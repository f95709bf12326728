"""Unexpected errors of bench itself: one message, and the traceback in a file."""

import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import platformdirs
from typer.core import TyperGroup

from bench import __version__
from bench.cli.exit_codes import ExitCode
from bench.errors import BenchError
from bench.formatting import truncate


class UnexpectedError(BaseException):
    """Carries an unexpected error, its cause, past typer's own error handling."""


@contextmanager
def _wrap_unexpected() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        modules = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
        if isinstance(error, BenchError) or modules & {"typer", "click"}:
            raise
        raise UnexpectedError from error


class CommandGroup(TyperGroup):
    """All commands of bench; without it, typer exits with 1 for EOFError and BrokenPipeError."""

    make_context = _wrap_unexpected()(TyperGroup.make_context)
    invoke = _wrap_unexpected()(TyperGroup.invoke)


def report_crash(error: BaseException) -> int:
    """Print one message that names the file with the traceback; return the exit code."""
    trace = "".join(traceback.format_exception(error))
    path = _write_log(trace)
    if path is None:
        sys.stderr.write(trace)
        hint = "The traceback is above: no folder for a log file is writable. Please report it."
    else:
        hint = f"The traceback is in {path}. Please report it with that file."
    message = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    sys.stderr.write(f"bench: unexpected error: {truncate(message)}\n  {hint}\n")
    return ExitCode.UNEXPECTED


def _write_log(trace: str) -> Path | None:
    now = datetime.now().astimezone()
    text = f"bench {__version__}, Python {sys.version}\n{sys.argv}\n\n{trace}"
    for folder in (platformdirs.user_log_dir("bench"), tempfile.gettempdir()):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w",
                encoding="utf-8",
                errors="backslashreplace",
                dir=folder,
                prefix=f"bench-{now:%Y%m%dT%H%M%S}-",
                suffix=".log",
                delete=False,
            ) as file:
                file.write(text)
        except OSError:
            continue
        return Path(file.name)
    return None
