"""Shell completion: existing files and folders, and known names.

Nothing here imports torch or pandas: a shell calls this at every Tab.
"""

import io
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path

from bench.study_files import results_folders, study_files

BREAKS = frozenset("=:")  # where bash splits words, besides at blanks


def complete_study(incomplete: str) -> list[str]:
    """List the study files in the folder being typed, and those in `studies`."""
    return list(map(str, study_files(Path(f"{incomplete}_").parent)))


def complete_results() -> list[str]:
    """List the folders in `results` that hold a study's tables."""
    return list(map(str, results_folders()))


def complete_registry(module: str, name: str) -> Callable[[], Iterable[tuple[str, str]]]:
    """Return a function that lists the names of a registry, with their summaries if any."""

    def complete() -> Iterable[tuple[str, str]]:
        registry = getattr(import_module(module), name)
        return ((key, getattr(entry, "summary", "")) for key, entry in registry.items())

    return complete


def complete_setting(incomplete: str) -> list[tuple[str, str]]:
    """List paths of a study, and after the `=` the known values."""
    from bench.study.set_completion import completions

    return completions(incomplete)


def is_bash_asking() -> bool:
    """Return whether bash's completion started this process."""
    return os.environ.get("_BENCH_COMPLETE") == "complete_bash"


def complete_in_bash(command: Callable[[], None]) -> None:
    """Complete for bash, which splits `base.model=conv` in three and replaces only the last."""
    split_words = os.environ["COMP_WORDS"].split("\n")[: int(os.environ["COMP_CWORD"]) + 1]
    words, prefix = join_split_words(split_words)
    os.environ |= {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    out = io.StringIO()
    with redirect_stdout(out), suppress(SystemExit):
        command()
    sys.stdout.writelines(f"{strip_prefix(prefix, line)}\n" for line in out.getvalue().splitlines())


def join_split_words(split_words: Iterable[str]) -> tuple[list[str], str]:
    """Join words that bash split; return them and the part of the last one that bash keeps."""
    words: list[str] = []
    prefix, is_after_break = "", False
    for word in split_words:
        is_break = bool(word) and BREAKS.issuperset(word)
        if words and (is_break or is_after_break):
            prefix = words[-1] + word if is_break else words[-1]
            words[-1] += word
        else:
            words.append(word)
            prefix = ""
        is_after_break = is_break
    return words, prefix


def strip_prefix(prefix: str, completed: str) -> str:
    """Remove the part that bash keeps, which may begin with an option's name."""
    ends = (prefix[start:] for start in range(len(prefix) + 1))
    return completed.removeprefix(next(end for end in ends if completed.startswith(end)))
