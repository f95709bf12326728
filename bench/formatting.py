"""Text for people: numbers, intervals, ratios, durations, plurals and the words of verdicts.

Every number that a person reads is written here, so that terminal, report, page and figures agree.
An interval is always written `1.28 [1.22, 1.33]`.
"""

import math
from collections.abc import Iterable, Mapping

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))

EXPLORATORY = "(exploratory)"  # follows a number with too few samples for an interval

# What a person reads for the verdicts of CSV and JSON.
TIME_VERDICTS: Mapping[str, str] = {
    "REGRESSED": "slower",
    "IMPROVED": "faster",
    "EQUIVALENT": "equivalent",
    "INCONCLUSIVE": "inconclusive",
}
ACCURACY_VERDICTS: Mapping[str, str] = {
    **TIME_VERDICTS,
    "REGRESSED": "worse",
    "IMPROVED": "better",
}


def plural(n: int, noun: str, nouns: str = "") -> str:
    """Return a count with its noun: "1 cell", "2 cells", "1,024 cells"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {nouns or noun + 's'}"


def plural_range(counts: Iterable[int], noun: str) -> str:
    """Return the range of some counts with their noun: "6 timing sets", "1–3 seeds"."""
    known = [int(n) for n in counts]
    low, high = min(known), max(known)
    return plural(low, noun) if low == high else f"{low:,}–{high:,} {noun}s"


def format_duration(seconds: float) -> str:
    """Return seconds as people write them: "4 s", "3 min 20 s", "2 h 5 min"."""
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    minutes, rest = divmod(rounded, 60)
    if minutes < 10:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def join_words(words: Iterable[str]) -> str:
    """Join words as a sentence does: "a", "a and b", "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def truncate(text: str, length: int = 300) -> str:
    """Cut a long text with an ellipsis."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def format_short(value: float) -> str:
    """Write a number with three digits and a prefix: 21347 is "21.3k"."""
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor:
            return f"{value / factor:#.3g}".rstrip(".") + prefix
    return f"{value:#.3g}".rstrip(".")


def format_bytes(value: float) -> str:
    """Write an amount of memory in SI units."""
    return f"{value / 1e9:.1f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def format_share(fraction: float) -> str:
    """Write a relative size with one decimal: "2.0%"."""
    return f"{fraction:.1%}"


def format_target(fraction: float) -> str:
    """Write an accuracy that a study sets, with the digits of the study file: "98.96%"."""
    return f"{100 * fraction:.6g}%"


def format_percent(
    fraction: float, low: float = math.nan, high: float = math.nan, *, unit: str = "%"
) -> str:
    """Write an accuracy in percent with its interval, if it has one: "98.53% [98.21, 98.85]"."""
    text = f"{100 * fraction:.2f}{unit}"
    return text if math.isnan(low) else f"{text} [{100 * low:.2f}, {100 * high:.2f}]"


def format_points(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """Write a difference in hundredths with its sign: "−1.50", "+0.12 [+0.03, +0.21]"."""
    text, *ends = (f"{each:+.2f}".replace("-", "−") for each in (value, low, high))
    return text if math.isnan(low) else f"{text} [{', '.join(ends)}]"


def format_change(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """Write a difference with its sign and the digits of `format_number`: "+0.012"."""
    decimals = max(_decimals(value, low, high), 0)
    text, *ends = (f"{x:+,.{decimals}f}".replace("-", "−") for x in (value, low, high))
    return text if math.isnan(low) else f"{text} [{', '.join(ends)}]"


def format_ratio(
    value: float, low: float | None, high: float | None, *, decimals: int = 3, unit: str = ""
) -> str:
    """Write a ratio with its interval, or that it has none: "0.983 [0.957, 1.016]"."""
    text = f"{value:.{decimals}f}{unit}"
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return f"{text} {EXPLORATORY}"
    return f"{text} [{low:.{decimals}f}, {high:.{decimals}f}]"


def format_p(p: float) -> str:
    """Write a probability: "0.031", "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def format_number(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """Write a number and its interval, if it has one, with the digits that this supports.

    "21,300 [21,100, 21,500]", "0.0214"; an infinite one is "∞".
    """
    decimals = _decimals(value, low, high)
    text, *ends = (_fixed(each, decimals) for each in (value, low, high))
    return text if math.isnan(low) or math.isnan(high) else f"{text} [{', '.join(ends)}]"


def _fixed(value: float, decimals: int) -> str:
    return f"{round(value, decimals):,.{max(decimals, 0)}f}" if math.isfinite(value) else "∞"


def _decimals(value: float, low: float, high: float) -> int:
    """Keep two digits of the interval's width; without one, three of the value.

    Where the interval is wider than its ends are large, each end keeps a digit of its own.
    """
    if math.isfinite(low) and math.isfinite(high) and high > low:
        own = [-_exponent(x) for x in (value, low, high) if x]
        return max(1 - _exponent(high - low), min(max(own), 1 - _exponent(value or high)))
    if value == 0 or not math.isfinite(value):
        return 0
    return 2 - _exponent(value)


def _exponent(x: float) -> int:
    return math.floor(math.log10(abs(x)))
