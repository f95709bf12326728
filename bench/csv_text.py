"""How a table holds values as text, and how they are read again: an apostrophe marks a text.

A CSV has no types. A text that a reader or a spreadsheet would take for something else (a number,
a truth value, a blank, a formula) has an apostrophe before it, by which spreadsheets know a text;
so has a text that is such a one behind apostrophes of its own. Reading takes one off again.
Source on formulas: OWASP, "CSV Injection".
"""

import re
from collections.abc import Mapping

Value = bool | int | float | str | None

MARK = "'"
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
LONGEST_INTEGER = 40  # characters
_INTEGER = re.compile(r"[+-]?[0-9]+")
_TRUTHS: Mapping[str, bool] = {"true": True, "false": False}


def as_text(value: Value) -> Value:
    """Mark a text that a spreadsheet would read as a formula, for a column of known type."""
    return f"{MARK}{value}" if isinstance(value, str) and _is_formula(value) else value


def from_text(text: str) -> str:
    """Return what `as_text` was given."""
    return text[1:] if text.startswith(MARK) and _is_formula(text) else text


def as_value(value: Value) -> Value:
    """Mark a text that would be read as anything else, for a column of any type."""
    return f"{MARK}{value}" if isinstance(value, str) and _is_ambiguous(value) else value


def from_value(text: str) -> bool | int | float | str:
    """Return what `as_value` was given and CSV wrote: a text, a number or a truth value."""
    if text.startswith(MARK):
        return text[1:] if _is_ambiguous(text) else text
    value = _not_text(text)
    return text if value is None else value


def _is_formula(text: str) -> bool:
    return text.lstrip(MARK).startswith(FORMULA_SIGNS)


def _is_ambiguous(text: str) -> bool:
    unmarked = text.lstrip(MARK)
    return not unmarked or _is_formula(text) or _not_text(unmarked) is not None


def _not_text(text: str) -> bool | int | float | None:
    """Read a number or a truth value as CSV writers write them; None for anything else."""
    if _INTEGER.fullmatch(text) and len(text) <= LONGEST_INTEGER:
        return int(text)
    if text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    try:
        return None if "_" in text else float(text)  # Python alone reads 1_000
    except ValueError:
        return None
