"""The script of a gate's worker process: pytest in a worktree, one benchmark on each request.

It imports nothing of bench, which may be the code under test; only pytest and pytest-benchmark.
Messages on the connection to the gate are plain JSON types. It sends the names of the benchmarks.
A name in return starts a benchmark and None ends the session; while a benchmark runs, a number
grants it that many rounds. It answers each name and each number when it needs no more CPU time:
with the duration of that time slice, or at the end of the benchmark with failures and rounds.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module, metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

MAX_REASON = 2_000  # characters of a failure

# Options that a user's settings (addopts, PYTEST_ADDOPTS, a conftest) must not change, because
# they disable the measurement, run the suite elsewhere or not at all, end it early, or write files
# that the other processes write too.
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


class NextItem(pytest.Item):
    """A placeholder for the next item: fixtures of its parents stay, all others are torn down."""

    def runtest(self) -> None:
        """Do nothing: it never runs."""


class TimeSlices:
    """Runs the rounds of pytest-benchmark in the time slices that the gate grants.

    The first slice of a benchmark ends before its first round, warm-up included: setting up and
    calibrating are done. Every other is a number of rounds, with what the test does between them.
    """

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self.start()

    def start(self) -> None:
        """Start a benchmark, in its first slice."""
        self._fixture: Any = None
        self._starts_s: list[float] = []  # of each round
        self._slices: list[int] = []  # the slice of each round
        self._slice = 0
        self._rounds_left = 0
        self._slice_start_s = time.monotonic()

    def control(self, fixture_class: Any) -> None:
        """Let this run the functions that pytest-benchmark calls once per round."""
        make_runner = fixture_class._make_runner

        def make(fixture: Any, *args: Any, **kwargs: Any) -> Callable[..., Any]:
            return partial(self._run, fixture, make_runner(fixture, *args, **kwargs))

        fixture_class._make_runner = make

    def rounds(self) -> dict[str, list[Any]]:
        """Return the timed rounds of the benchmark, without warm-up; nothing if it failed."""
        fixture = self._fixture
        is_measured = fixture is not None and not fixture.has_error
        times_s = [float(time_s) for time_s in fixture.stats.stats.data] if is_measured else []
        if not times_s:
            return {}
        first = len(self._slices) - len(times_s)
        opens = [a != b for a, b in zip(self._slices, [0, *self._slices], strict=False)]
        return {
            "start_s": self._starts_s[first:],
            "time_s": times_s,
            "slice_index": self._slices[first:],
            "opens_slice": opens[first:],
        }

    def _run(self, fixture: Any, runner: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if fixture.stats is None:  # it calibrates
            return runner(*args, **kwargs)
        if self._fixture is None:
            self._fixture = fixture
            self._hand_over()
        start_s = time.monotonic()
        result = runner(*args, **kwargs)
        self._starts_s.append(start_s)
        self._slices.append(self._slice)
        self._rounds_left -= 1
        if not self._rounds_left:
            self._hand_over()
        return result

    def _hand_over(self) -> None:
        """End the slice and wait for the next."""
        slice_s = time.monotonic() - self._slice_start_s
        try:
            self._channel.send({"slice_s": slice_s})
            self._channel.poll(None)
        finally:  # even if a signal (of pytest-timeout) ends the test: another process computes
            self._rounds_left = self._channel.recv()
        self._slice += 1
        self._slice_start_s = time.monotonic()


class BenchmarkServer:
    """A pytest plugin that runs each benchmark when the gate requests it."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._time_slices = TimeSlices(channel)
        self._reports: list[Any] = []
        self._last: Any = None  # the item that ran last
        # Name, "skipped" or "failed", and reason of those not sent yet.
        self.failures: list[tuple[str, str, str]] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> Iterator[None]:
        """Start no coverage; load pytest-benchmark even where `-p no:benchmark` is set."""
        _neutralise(early_config.known_args_namespace)
        yield
        with suppress(ImportError):
            plugin = import_module("pytest_benchmark.plugin")
            if not early_config.pluginmanager.is_registered(plugin):
                early_config.pluginmanager.register(plugin, plugin.__name__)
            self._time_slices.control(import_module("pytest_benchmark.fixture").BenchmarkFixture)

    @pytest.hookimpl(wrapper=True)
    def pytest_cmdline_parse(self) -> Generator[None, Any, Any]:
        """Neutralise the user's settings before a plugin acts on them."""
        config = yield
        _neutralise(config.option)
        return config

    def pytest_configure(self, config: Any) -> None:
        """Neutralise a conftest's settings; pytest-benchmark reads its options after this."""
        _neutralise(config.option)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Collect the reports on setup, call and teardown."""
        self._reports.append(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool | None:
        """Send the names of the benchmarks, then run each that is requested, until None."""
        if session.testsfailed:  # a file can't be imported: pytest reports that
            return None
        items = {
            item.nodeid: item
            for item in session.items
            if "benchmark" in getattr(item, "fixturenames", ())
        }
        self._channel.send({"collected": list(items)})
        while (name := self._channel.recv()) is not None:
            self._time_slices.start()
            self._run(session, items[name])
            self._channel.send({"failures": self.failures, "rounds": self._time_slices.rounds()})
            self.failures = []
        self._tear_down(session, None)
        return True

    def _run(self, session: Any, item: Any) -> None:
        """Run an item; fixtures of its class, file and session stay until another needs less.

        The gate decides the order, so the next item is unknown while this one runs.
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
        """Tear down what the next item doesn't need; an error is the last item's failure.

        As at the end of an item, but without the hooks, which plugins expect once per item.
        """
        try:
            session._setupstate.teardown_exact(after)
        except BaseException:  # also groups of pytest's outcomes, which are no Exceptions
            error = pytest.ExceptionInfo.from_current()
            reason = str(error.getrepr(style="short"))[-MAX_REASON:]
            self.failures.append((self._last.nodeid, "failed", reason))


def main(arguments: str) -> None:
    """Run pytest as the gate's JSON describes, then report failures and the code loaded."""
    task = json.loads(arguments)
    os.set_inheritable(task["channel"], False)  # a benchmark's children must not keep it open
    channel = Connection(task["channel"])
    tree, repository = Path(task["tree"]), Path(task["repository"])
    sys.path[:] = [_translate(entry, repository, tree) for entry in sys.path]
    server = BenchmarkServer(channel)
    try:
        pytest.main(task["arguments"], plugins=[server])
    finally:
        own = set(_packages(Path.cwd()))
        foreign = dict(_foreign_modules(repository, tree, own))
        software = _software(own) if task["tell_software"] else {}
        channel.send({"failures": server.failures, "strange": foreign, "software": software})


def _reason(report: Any) -> str:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        return str(reason).removeprefix("Skipped: ")
    return str(report.longreprtext[-MAX_REASON:])


def _neutralise(options: Any) -> None:
    """Set the options that exist to neutral values."""
    for name, value in NEUTRAL.items():
        if hasattr(options, name):
            setattr(options, name, value)


def _translate(entry: str, repository: Path, tree: Path) -> str:
    """Map a folder of the user's checkout (an editable install) to the worktree's."""
    path = Path(entry)
    if path.is_relative_to(repository) and not path.is_relative_to(sys.prefix):
        return str(tree / path.relative_to(repository))
    return entry


def _packages(folder: Path) -> Iterator[str]:
    """Yield the packages in a folder or its src."""
    for parent in (folder, folder / "src"):
        for init in parent.glob("*/__init__.py"):
            yield init.parent.name


def _foreign_modules(repository: Path, tree: Path, own: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the modules of the repository that were not loaded from this worktree."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str):
            continue
        path = Path(os.path.realpath(file))
        if path.is_relative_to(os.path.realpath(tree)) or path == Path(os.path.realpath(__file__)):
            continue
        is_installed = path.is_relative_to(os.path.realpath(sys.prefix))
        is_repository = path.is_relative_to(os.path.realpath(repository)) and not is_installed
        if is_repository or name in own:
            yield name, str(path)


def _software(own: set[str]) -> dict[str, str]:
    """Return the versions of Python and of every distribution that was loaded."""
    owners = metadata.packages_distributions()
    loaded = {name.partition(".")[0] for name in sys.modules} - own
    names = {owner for name in loaded for owner in owners.get(name, ())}
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python, **{name: metadata.version(name) for name in sorted(names)}}


if __name__ == "__main__":
    main(sys.argv[1])
