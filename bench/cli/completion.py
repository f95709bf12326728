"""What a shell may complete: files and folders that are there, and names that are known.

Nothing here imports torch or pandas: a shell asks at every Tab.
"""

import io
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout, suppress
from pathlib import Path

BREAKS = frozenset("=:")  # where bash splits words besides at blanks


def complete_study(incomplete: str) -> list[str]:
    """Give the study files in the folder that is being typed, and those in `studies`."""
    from bench.study_files import study_files

    return list(map(str, study_files(Path(f"{incomplete}_").parent)))


def complete_results() -> list[str]:
    """Give the folders in `results` that hold a study's tables."""
    from bench.study_files import results_folders

    return list(map(str, results_folders()))


def complete_dataset() -> Iterable[tuple[str, str]]:
    """Give the data sets."""
    from bench.data import DATASETS

    return ((name, source.summary) for name, source in DATASETS.items())


def complete_executor() -> Iterable[str]:
    """Give the executors."""
    from bench.execute import EXECUTORS

    return EXECUTORS


def complete_list() -> Iterable[str]:
    """Give the lists of `bench list`."""
    from bench.cli.lists import LISTS

    return LISTS


def complete_setting(incomplete: str) -> list[tuple[str, str]]:
    """Give paths of a study, and after the `=` the values that are known."""
    from bench.study.set_paths import completions

    return completions(incomplete)


def is_bash_asking() -> bool:
    """Tell whether bash's completion started this process."""
    return os.environ.get("_BENCH_COMPLETE") == "complete_bash"


def complete_in_bash(answer: Callable[[], None]) -> None:
    """Answer bash, which splits `base.model=conv` in three and replaces the last part alone."""
    words = os.environ["COMP_WORDS"].split("\n")[: int(os.environ["COMP_CWORD"]) + 1]
    whole, kept = rejoined(words)
    os.environ |= {"COMP_WORDS": "\n".join(whole), "COMP_CWORD": str(len(whole) - 1)}
    out = io.StringIO()
    with redirect_stdout(out), suppress(SystemExit):
        answer()
    sys.stdout.writelines(f"{without(kept, line)}\n" for line in out.getvalue().splitlines())


def rejoined(words: Iterable[str]) -> tuple[list[str], str]:
    """Join the words that bash split, and tell which part of the last one it leaves as it is."""
    whole: list[str] = []
    kept, goes_on = "", False
    for word in words:
        is_break = bool(word) and BREAKS.issuperset(word)
        if whole and (is_break or goes_on):
            kept = whole[-1] + word if is_break else whole[-1]
            whole[-1] += word
        else:
            whole.append(word)
            kept = ""
        goes_on = is_break
    return whole, kept


def without(kept: str, completed: str) -> str:
    """Take off a completed word what of it bash keeps, which may begin with an option's name."""
    ends = (kept[start:] for start in range(len(kept) + 1))
    return completed.removeprefix(next(end for end in ends if completed.startswith(end)))
