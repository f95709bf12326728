"""Numbers and names as text: digits that mean something, and nothing that breaks markdown."""

import math
import re
from collections.abc import Iterable, Sequence, Set

_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"})
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def escape(text: object) -> str:
    """Make a user's text safe in a markdown line or table cell; line breaks become spaces.

    Raw HTML and formulas are taken literally too.
    """
    line = _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))
    return line.translate(_ENTITIES)


def code(text: str) -> str:
    """Write a text as code in a markdown table cell, exactly, whatever marks it holds."""
    fence = "`" * (_longest_backticks(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{_one_line(text)}{pad}{fence}".replace("|", r"\|")


def commands(lines: Iterable[str]) -> str:
    """Write commands as a markdown block, exactly, whatever marks they hold."""
    text = "\n".join(map(_one_line, lines))
    fence = "`" * max(3, _longest_backticks(text) + 1)
    return f"{fence}sh\n{text}\n{fence}"


def _longest_backticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Set[str]) -> list[str]:
    """Write a markdown table's lines; the columns in `right` hold numbers. Escapes nothing."""
    marks = ["---:" if name in right else "---" for name in columns]
    return [f"| {' | '.join(map(str, cells))} |" for cells in (columns, marks, *rows)]


def listed(words: Iterable[str]) -> str:
    """Join words as a sentence does: "a", "a and b", "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def shortened(text: str, length: int = 300) -> str:
    """Cut a long text with an ellipsis."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def short(value: float) -> str:
    """Write a number with three digits and a prefix: 21347 is "21.3k"."""
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor:
            return f"{value / factor:#.3g}".rstrip(".") + prefix
    return f"{value:#.3g}".rstrip(".")


def amount_of_bytes(value: float) -> str:
    """Write an amount of memory in SI units."""
    return f"{value / 1e9:.1f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def signed(value: float) -> str:
    """Write a difference in hundredths with its sign."""
    return f"{value:+.2f}".replace("-", "−")


def ratio(value: float, low: float | None, high: float | None) -> str:
    """Write a ratio with its interval, or that it has none: "0.983 [0.957, 1.016]"."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return f"{value:.3f} (exploratory)"
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def number(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """Write a number and its interval, if it has one, with the digits that this supports.

    "21,300 [21,100, 21,500]", "0.0214"; an infinite one is "∞".
    """
    value_text, *ends = digits(value, low, high)
    return f"{value_text} [{', '.join(ends)}]" if ends else value_text


def digits(value: float, low: float = math.nan, high: float = math.nan) -> list[str]:
    """Write a number, and both ends of its interval if it has one, with equally many decimals."""
    decimals = _decimals(value, low, high)
    known = [value] if math.isnan(low) or math.isnan(high) else [value, low, high]
    return [_fixed(each, decimals) for each in known]


def _fixed(value: float, decimals: int) -> str:
    return f"{round(value, decimals):,.{max(decimals, 0)}f}" if math.isfinite(value) else "∞"


def _decimals(value: float, low: float, high: float) -> int:
    """Keep two digits of the interval's width; without one, three of the value.

    Where the interval is wider than its ends are large, each end keeps a digit of its own.
    """
    if math.isfinite(high - low) and high > low:
        own = [-_exponent(x) for x in (value, low, high) if x]
        return max(1 - _exponent(high - low), min(max(own), 1 - _exponent(value or high)))
    if value == 0 or not math.isfinite(value):
        return 0
    return 2 - _exponent(value)


def _exponent(x: float) -> int:
    return math.floor(math.log10(abs(x)))
