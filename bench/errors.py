"""Errors with a message for people: what is wrong, where, and a hint how to fix it."""

from collections.abc import Iterable
from difflib import get_close_matches


class BenchError(Exception):
    """A problem that the user can fix; the command line prints it and exits with 2."""

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        located = f"{self.where}: {self.what}" if self.where else self.what
        return f"{located}\n  {self.hint}" if self.hint else located


class StudyError(BenchError):
    """A study file or a `--set` option that is invalid."""


class DataError(BenchError):
    """A data set that is missing, damaged or can't be downloaded."""


class StoreError(BenchError):
    """A results folder that can't be read or written."""


class DivergedError(Exception):
    """A loss that is not finite; ends the run with status `diverged`."""


class UnavailableError(Exception):
    """A requirement that this machine lacks; ends the run with status `skipped`."""


def shown(value: object) -> str:
    """Return a value as a study file writes it, or "a long text" if it is too long."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    text = repr(value)
    if len(text) <= 60:
        return text
    kinds: dict[type, str] = {str: "a long text", list: "a long list", dict: "a large mapping"}
    return kinds.get(type(value), "a long value")


def did_you_mean(wrong: object, known: Iterable[str]) -> str:
    """Return a hint with the nearest valid spelling of `wrong`, else with up to 20 valid ones."""
    choices = sorted(known)
    if near := nearest(wrong, choices):
        return f"Did you mean '{near}'?"
    return f"Known: {', '.join(choices)}." if 0 < len(choices) <= 20 else ""


def nearest(wrong: object, known: Iterable[str]) -> str:
    """Return the valid spelling nearest to `wrong`; empty if none is similar."""
    spelling = wrong[:100] if isinstance(wrong, str) else ""
    return next(iter(get_close_matches(spelling, list(known), n=1, cutoff=0.5)), "")


def last_line(error: BaseException) -> str:
    """Return an exception as the last line of its traceback, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
