"""What runs in a side's own process: pytest on that side's code, one benchmark when it is told to.

A script, and no module of bench: in a side that is a checkout of bench itself, `import bench`
means that checkout. It needs nothing but pytest and pytest-benchmark, and talks to the gate over
a connection in texts and numbers.
"""

import json
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from importlib import import_module, metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

LONGEST = 2_000  # characters of a failure


# What a user's settings (addopts, PYTEST_ADDOPTS, a conftest) must not change while benchmarks are
# measured in turns, by the name that each option has in pytest: they disable the measurement, run
# the suite elsewhere or not at all, end it early, or write where the other processes write, too.
NEUTRAL: dict[str, Any] = {
    # pytest-benchmark
    "benchmark_disable": False, "benchmark_skip": False, "benchmark_save": None,
    "benchmark_autosave": None, "benchmark_compare": [], "benchmark_compare_fail": None,
    "benchmark_histogram": [], "benchmark_cprofile": None, "benchmark_cprofile_dump": [],
    # pytest
    "maxfail": 0, "stepwise": False, "stepwise_skip": False, "lf": False, "failedfirst": False,
    "newfirst": False, "collectonly": False, "setuponly": False, "setupplan": False,
    "continue_on_collection_errors": False, "usepdb": False, "trace": False, "basetemp": None,
    "xmlpath": None,
    # pytest-xdist, pytest-forked, pytest-cov
    "numprocesses": 0, "dist": "no", "distload": False, "tx": [], "looponfail": False,
    "forked": False, "cov_source": [], "no_cov": True,
}  # fmt: skip

Failure = tuple[str, str, str]  # a benchmark's name, "skipped" or "failed", the reason


class NextItem(pytest.Item):
    """A stand-in for the next item: what its parent has set up stays, all else is torn down."""

    def runtest(self) -> None:
        """Do nothing; it never runs."""


class Turns:
    """A plugin that runs each benchmark when it is this side's turn, in the gate's order."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._reports: list[Any] = []
        self._last: Any = None  # the item that ran last
        self.failures: list[Failure] = []  # those that the gate doesn't know yet

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> Iterator[None]:
        """Start no coverage; load pytest-benchmark even where `-p no:benchmark` is set."""
        _neutralise(early_config.known_args_namespace)
        yield
        with suppress(ImportError):
            plugin = import_module("pytest_benchmark.plugin")
            if not early_config.pluginmanager.is_registered(plugin):
                early_config.pluginmanager.register(plugin, plugin.__name__)

    @pytest.hookimpl(wrapper=True)
    def pytest_cmdline_parse(self) -> Generator[None, Any, Any]:
        """Neutralise what the user's settings say, before a plugin acts on it."""
        config = yield
        _neutralise(config.option)
        return config

    def pytest_configure(self, config: Any) -> None:
        """Neutralise what a conftest says; pytest-benchmark reads its options after this."""
        _neutralise(config.option)

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
            self._run(session, items[name])
            self._channel.send({"failures": self.failures})
            self.failures = []
        self._tear_down(session, None)
        return True

    def _run(self, session: Any, item: Any) -> None:
        """Run an item; what its class, file and session have set up stays until another needs less.

        The order of turns is the gate's, so that the item to come is unknown while this one runs.
        """
        after = NextItem.from_parent(item.parent, name="next")
        self._tear_down(session, after)
        self._reports.clear()
        self._last = item
        try:
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        except (KeyboardInterrupt, pytest.exit.Exception) as stop:
            reason = f"it ended pytest's session: {stop}"
            self.failures.append((item.nodeid, "failed", reason))
        for status in ("failed", "skipped"):
            for report in self._reports:
                if getattr(report, status):
                    self.failures.append((item.nodeid, status, _reason(report)))
                    return

    def _tear_down(self, session: Any, after: Any) -> None:
        """Tear down what the item to come doesn't need; an error is the last item's failure.

        As at the end of an item, but without the hooks, which other plugins expect once an item.
        """
        try:
            session._setupstate.teardown_exact(after)
        except BaseException:  # a group of outcomes, which are no Exceptions, too
            error = pytest.ExceptionInfo.from_current()
            reason = str(error.getrepr(style="short"))[-LONGEST:]
            self.failures.append((self._last.nodeid, "failed", reason))


def main(told: str) -> None:
    """Run pytest as the gate asks, and tell at the end what was really loaded."""
    task = json.loads(told)
    os.set_inheritable(task["channel"], False)  # what a benchmark starts must not hold it open
    channel = Connection(task["channel"])
    tree, repository = Path(task["tree"]), Path(task["repository"])
    sys.path[:] = [_moved(entry, repository, tree) for entry in sys.path]
    turns = Turns(channel)
    try:
        pytest.main(task["arguments"], plugins=[turns])
    finally:
        own = set(_packages(Path.cwd()))
        strange = dict(_strange(repository, tree, own))
        software = _software(own) if task["tell_software"] else {}
        channel.send({"failures": turns.failures, "strange": strange, "software": software})


def _is_benchmark(item: Any) -> bool:
    return "benchmark" in getattr(item, "fixturenames", ())


def _reason(report: Any) -> str:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        return str(reason).removeprefix("Skipped: ")
    return str(report.longreprtext[-LONGEST:])


def _neutralise(options: Any) -> None:
    """Set the options that are there to what a measurement in turns needs."""
    for name, value in NEUTRAL.items():
        if hasattr(options, name):
            setattr(options, name, value)


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
