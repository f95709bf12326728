"""Exit codes of all commands."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit code means."""

    OK = 0
    FAILED = 1  # a run failed, or a regression was found
    INVALID_INPUT = 2
    INCONCLUSIVE = 3
    INCOMPARABLE = 4  # another machine or other software
    UNEXPECTED = 70  # an error of bench itself; EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130
