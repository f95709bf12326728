"""What goes wrong, said once for a person: what, where, and what mends it."""

from collections.abc import Iterable
from difflib import get_close_matches


class BenchError(Exception):
    """A problem that the user can hint; the command line prints it and exits with 2."""

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        located = f"{self.where}: {self.what}" if self.where else self.what
        return f"{located}\n  {self.hint}" if self.hint else located


class StudyError(BenchError):
    """A study file (or a `--set`) that does not say a valid study."""


class DataError(BenchError):
    """A data set that is missing, cannot be fetched, or is not what it should be."""


class StoreError(BenchError):
    """A results folder that cannot be read or written."""


class DivergedError(Exception):
    """A loss that is no longer finite; ends a run with status `diverged`, not the grid."""


class UnavailableError(Exception):
    """What a run needs and this machine lacks; ends a run with status `skipped`."""


def shown(value: object) -> str:
    """Write a value as a study file does, where it is short enough to be read in a message."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    text = repr(value)
    if len(text) <= 60:
        return text
    kinds: dict[type, str] = {str: "a long text", list: "a long list", dict: "a large mapping"}
    return kinds.get(type(value), "a long value")


def did_you_mean(wrong: object, known: Iterable[str]) -> str:
    """Name the nearest valid spelling of `wrong`, and the others where they are few."""
    choices = sorted(known)
    if near := nearest(wrong, choices):
        return f"Did you mean '{near}'?"
    if choices and len(choices) <= 20:
        return f"Known: {', '.join(choices)}."
    return ""


def nearest(wrong: object, known: Iterable[str]) -> str:
    """Find the valid spelling that `wrong` comes near to; empty where none is."""
    spelling = wrong[:100] if isinstance(wrong, str) else ""
    return next(iter(get_close_matches(spelling, list(known), n=1, cutoff=0.5)), "")
