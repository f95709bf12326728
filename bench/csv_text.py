"""Text in CSV tables: an apostrophe marks text that would be read as something else.

A CSV has no types. Text that a reader or a spreadsheet would take for a number, a boolean, a blank
or a formula is written with an apostrophe before it, which spreadsheets read as text; so is such
text that starts with apostrophes of its own. Reading removes one apostrophe.
Source on formulas: OWASP, "CSV Injection".
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Value = bool | int | float | str | None

MARK = "'"
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
LONGEST_INTEGER = 40  # characters
_INTEGER = re.compile(r"[+-]?[0-9]+")


class CsvLines(list[str]):
    r"""Lines that end in \n, of a CSV writer that uses \r\n in order to quote both in fields."""

    def write(self, line: str) -> None:
        """Append a line."""
        self.append(line.removesuffix("\r\n") + "\n")


def csv_of(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, with_header: bool = True
) -> str:
    """Return rows as CSV; a column that a row lacks is blank."""
    lines = CsvLines()
    writer = csv.DictWriter(lines, columns, restval="", lineterminator="\r\n")
    if with_header:
        writer.writeheader()
    writer.writerows(rows)
    return "".join(lines)


def csv_lines(rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return each row of values as a line of CSV."""
    lines = CsvLines()
    csv.writer(lines, lineterminator="\r\n").writerows(rows)
    return lines


def as_text(value: Value) -> Value:
    """Mark text that a spreadsheet would read as a formula, for a column of known type."""
    return f"{MARK}{value}" if isinstance(value, str) and _is_formula(value) else value


def from_text(text: str) -> str:
    """Return the argument of `as_text`."""
    return text[1:] if text.startswith(MARK) and _is_formula(text) else text


def as_value(value: Value) -> Value:
    """Mark text that would be read as anything else, for a column of any type."""
    return f"{MARK}{value}" if isinstance(value, str) and _is_ambiguous(value) else value


def from_value(text: str) -> bool | int | float | str:
    """Return the argument of `as_value`, as CSV wrote it: text, a number or a boolean."""
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
    """Return a number or boolean as CSV writers write them; None for anything else."""
    if _INTEGER.fullmatch(text) and len(text) <= LONGEST_INTEGER:
        return int(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return None if "_" in text else float(text)  # only Python reads 1_000
    except ValueError:
        return None
