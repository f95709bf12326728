"""Short names of benchmarks: the shortest form of each full name that is unique."""

from collections import Counter
from collections.abc import Iterable, Iterator


def short_names(benchmarks: Iterable[str]) -> dict[str, str]:
    """Map the full name of each benchmark to a short one that is unique among them.

    Candidates are "step[convnet]", "TestCpu::step[convnet]",
    "test_steps.py::TestCpu::step[convnet]", and so on. Names that are not pytest ids, such as
    cells of a study, stay as they are.
    """
    candidates = {benchmark: list(_candidates(benchmark)) for benchmark in benchmarks}
    counts = Counter(name for names in candidates.values() for name in set(names))
    return {
        benchmark: next((name for name in names if counts[name] == 1), names[-1])
        for benchmark, names in candidates.items()
    }


def printable(text: str) -> str:
    r"""Escape the bytes of a file name that are not UTF-8 as \udc80, so that it can be written."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _candidates(benchmark: str) -> Iterator[str]:
    """Yield names from the shortest to the full one; an id in brackets may hold anything."""
    file, _, rest = printable(benchmark).partition("::")
    if file.endswith(".py") and rest:
        path, bracket, parameters = rest.partition("[")
        *classes, function = path.split("::")
        short = (function.removeprefix("test_") or function) + bracket + parameters
        for i in range(len(classes), -1, -1):
            yield "::".join([*classes[i:], short])
        folders = file.split("/")
        for i in range(len(folders) - 1, -1, -1):
            yield "::".join(["/".join(folders[i:]), *classes, short])
    yield printable(benchmark)
