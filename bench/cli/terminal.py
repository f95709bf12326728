"""One console for all output: colours and boxes on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Set

from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table

PLAIN_WIDTH = 200  # so that a table keeps a row on a line


def console(*, errors: bool = False) -> Console:
    """Give a console on standard output or error; NO_COLOR is honoured by rich itself."""
    stream = sys.stderr if errors else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=not stream.isatty())


def table(target: Console, *columns: str, right: Set[str] = frozenset()) -> Table:
    """Make a table that suits the console: ruled on a terminal, bare columns elsewhere."""
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
