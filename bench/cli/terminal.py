"""The console and its tables: colours and rules on a terminal, plain columns elsewhere."""

import sys
from collections.abc import Set

from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table

PLAIN_WIDTH = 200  # keeps each table row on one line
WIDE = 110  # columns; narrower terminals get shorter tables


def console(*, errors: bool = False) -> Console:
    """Return a console on standard output or error; rich itself honours NO_COLOR."""
    stream = sys.stderr if errors else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=not stream.isatty())


def table(target: Console, *columns: str, right: Set[str] = frozenset()) -> Table:
    """Return an empty table; the columns in `right` hold numbers."""
    made = Table(
        box=box.SIMPLE_HEAD if target.is_terminal else None,
        pad_edge=False,
        collapse_padding=target.is_terminal,
    )
    for name in columns:
        is_number = name in right
        justify: JustifyMethod = "right" if is_number else "left"
        made.add_column(name, justify=justify, overflow="fold", no_wrap=is_number)
    return made
