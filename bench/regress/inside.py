"""What runs in a side's own process: pytest on that side's code, one benchmark when it is told to.

A script, and no module of bench: in a side that is a checkout of bench itself, `import bench`
means that checkout. It needs nothing but pytest and pytest-benchmark, and talks to the gate over
a connection in texts and numbers.
"""

import json
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

LONGEST = 2_000  # characters of a failure


class Turns:
    """A plugin that runs each benchmark when it is this side's turn, in the gate's order."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._reports: list[Any] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep what became of setup, call and teardown."""
        self._reports.append(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool | None:
        """Say what there is to run, and run what is asked for until nothing more is."""
        if session.testsfailed:  # a file that can't be imported; pytest tells of it and ends
            return None
        items = {item.nodeid: item for item in session.items if _is_benchmark(item)}
        self._channel.send({"collected": list(items)})
        while (name := self._channel.recv()) is not None:
            self._reports.clear()
            run = session.config.hook.pytest_runtest_protocol
            run(item=items[name], nextitem=_near(items[name], session.items))
            self._channel.send(self._ended())
        return True

    def _ended(self) -> dict[str, str]:
        for report in self._reports:
            if report.failed:
                return {"status": "failed", "reason": report.longreprtext[-LONGEST:]}
        for report in self._reports:
            if report.skipped:
                reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
                return {"status": "skipped", "reason": str(reason)}
        return {"status": "ok", "reason": ""}


def main(told: str) -> None:
    """Run pytest as the gate asks, and tell at the end what was really loaded."""
    task = json.loads(told)
    os.set_inheritable(task["channel"], False)  # what a benchmark starts must not hold it open
    channel = Connection(task["channel"])
    tree, repository = Path(task["tree"]), Path(task["repository"])
    sys.path[:] = [_moved(entry, repository, tree) for entry in sys.path]
    is_loaded = find_spec("xdist") and not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    undivided = ["-n0"] if is_loaded else []  # benchmarks take turns, whatever addopts says
    pytest.main([*task["arguments"], *undivided], plugins=[Turns(channel)])
    own = set(_packages(Path.cwd()))
    strange = dict(_strange(repository, tree, own))
    software = _software(own) if task["tell_software"] else {}
    channel.send({"strange": strange, "software": software})


def _is_benchmark(item: Any) -> bool:
    return "benchmark" in getattr(item, "fixturenames", ())


def _near(item: Any, items: list[Any]) -> Any:
    """Name another item of the same file, or of any, as the next one: their fixtures stay."""
    others = [other for other in items if other is not item]
    return next((o for o in others if o.path == item.path), others[0] if others else None)


def _moved(entry: str, repository: Path, tree: Path) -> str:
    """Turn a folder of the user's checkout, as an editable install names it, into the side's."""
    path = Path(entry)
    if path.is_relative_to(repository) and not path.is_relative_to(sys.prefix):
        return str(tree / path.relative_to(repository))
    return entry


def _packages(folder: Path) -> Iterator[str]:
    """Name the packages that lie in a side, in its folder or in src."""
    for place in (folder, folder / "src"):
        for init in place.glob("*/__init__.py"):
            yield init.parent.name


def _strange(repository: Path, tree: Path, own: set[str]) -> Iterator[tuple[str, str]]:
    """Find what was loaded of the repository's code, but not from this side."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str):
            continue
        path = Path(os.path.realpath(file))
        if path.is_relative_to(os.path.realpath(tree)) or path == Path(os.path.realpath(__file__)):
            continue
        is_installed = path.is_relative_to(os.path.realpath(sys.prefix))
        is_users = path.is_relative_to(os.path.realpath(repository)) and not is_installed
        if is_users or name in own:
            yield name, str(path)


def _software(own: set[str]) -> dict[str, str]:
    """Give Python's version, and that of every distribution that was loaded."""
    owners = metadata.packages_distributions()
    loaded = {name.partition(".")[0] for name in sys.modules} - own
    names = {owner for name in loaded for owner in owners.get(name, ())}
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python, **{name: metadata.version(name) for name in sorted(names)}}


if __name__ == "__main__":
    main(sys.argv[1])
