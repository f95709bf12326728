"""Text as markdown: escaping, code, commands, tables and marked verdicts."""

import re
from collections.abc import Iterable, Sequence, Set

_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")
_INTERVAL = re.compile(r"\\\[([+−]?[\d.,]+, [+−]?[\d.,]+)\\\](?![(\[:])")  # never a link
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"})


def escape(text: object) -> str:
    """Escape a text for a markdown line or table cell; line breaks become spaces.

    Raw HTML and formulas are taken literally too.
    """
    line = _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))
    return _INTERVAL.sub(r"[\1]", line).translate(_ENTITIES)


def code(text: str) -> str:
    """Write a text as code in a markdown table cell, exactly as it is."""
    fence = "`" * (_longest_backticks(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{_one_line(text)}{pad}{fence}".replace("|", r"\|")


def commands(lines: Iterable[str]) -> str:
    """Write commands as a markdown code block, exactly as they are."""
    text = "\n".join(map(_one_line, lines))
    fence = "`" * max(3, _longest_backticks(text) + 1)
    return f"{fence}sh\n{text}\n{fence}"


def _longest_backticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Set[str]) -> list[str]:
    """Write a markdown table's lines; the columns in `right` are numbers. Escapes nothing."""
    marks = ["---:" if name in right else "---" for name in columns]
    return [f"| {' | '.join(map(str, cells))} |" for cells in (columns, marks, *rows)]


def mark_verdict(verdict: str, word: str) -> str:
    """Mark the word of a verdict with the verdict, by which the page colours it."""
    return f'<strong data-verdict="{verdict}">{word}</strong>'


def plain_verdicts(markdown: str) -> str:
    """Replace marked verdicts by bold words, or plain ones where nothing is decided."""
    markdown = markdown.replace(mark_verdict("INCONCLUSIVE", "inconclusive"), "inconclusive")
    return re.sub(r'<strong data-verdict="\w+">(.*?)</strong>', r"**\1**", markdown)
