"""What to call benchmarks: by the least of their full names that is no other's."""

from collections import Counter
from collections.abc import Iterable, Iterator


def short_names(benchmarks: Iterable[str]) -> dict[str, str]:
    """Map the full name of each benchmark to one that is unique among them, and short.

    The file and the word test are left out where that is enough: "step[convnet]", else
    "TestCpu::step[convnet]", else "test_steps.py::TestCpu::step[convnet]", and so on. What is no
    full name of pytest's, such as a cell of a study, is kept.
    """
    candidates = {benchmark: list(_candidates(benchmark)) for benchmark in benchmarks}
    seen = Counter(name for names in candidates.values() for name in set(names))
    return {
        benchmark: next((name for name in names if seen[name] == 1), names[-1])
        for benchmark, names in candidates.items()
    }


def printable(text: str) -> str:
    r"""Write the bytes of a file name that are not UTF-8, which no stream takes, as \udc80."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _candidates(benchmark: str) -> Iterator[str]:
    """Yield names from the shortest to the full one; an id in brackets may hold anything."""
    file, _, rest = printable(benchmark).partition("::")
    if file.endswith(".py") and rest:
        called, bracket, parameters = rest.partition("[")
        *classes, function = called.split("::")
        short = (function.removeprefix("test_") or function) + bracket + parameters
        for i in range(len(classes), -1, -1):
            yield "::".join([*classes[i:], short])
        folders = file.split("/")
        for i in range(len(folders) - 1, -1, -1):
            yield "::".join(["/".join(folders[i:]), *classes, short])
    yield printable(benchmark)
