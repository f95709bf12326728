"""Fixtures are set up and torn down correctly though turns jump between files and classes."""

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from toy_repository import QUICK, committed

CONFTEST = """
import os
from pathlib import Path

import pytest

LOG = Path(os.environ["TOY_LOG"])


def note(event):
    with (LOG / str(os.getpid())).open("a") as log:
        log.write(event + "\\n")


@pytest.fixture(scope="session")
def session():
    note("set up session")
    yield "session"
    note("tear down session")


@pytest.fixture(scope="module")
def of_file(request, session):
    name = request.module.__name__
    note(f"set up {name}")
    yield name
    note(f"tear down {name}")


@pytest.fixture(scope="class")
def of_class(request, of_file):
    name = f"{of_file}.{request.cls.__name__}"
    note(f"set up {name}")
    yield name
    note(f"tear down {name}")


@pytest.fixture(scope="session", params=["x", "y"])
def of_session_parameter(request):
    note(f"set up parameter {request.param}")
    yield request.param
    note(f"tear down parameter {request.param}")


@pytest.fixture
def of_test(request):
    note(f"set up {request.node.nodeid}")
    yield
    note(f"tear down {request.node.nodeid}")
"""
FILE = """
import pytest


@pytest.fixture(scope="module", params=[1, 2])
def of_module_parameter(request):
    return request.param


def measure(benchmark):
    benchmark.pedantic(lambda: None, rounds=1)


def test_plain(benchmark, of_file, of_test):
    assert of_file == __name__
    measure(benchmark)


@pytest.mark.parametrize("of_session_parameter", ["x", "y"], indirect=True)
def test_session(benchmark, of_session_parameter, request):
    assert of_session_parameter == request.node.callspec.params["of_session_parameter"]
    measure(benchmark)


def test_both(benchmark, of_session_parameter, of_module_parameter, request):
    assert of_session_parameter == request.node.callspec.params["of_session_parameter"]
    assert of_module_parameter == request.node.callspec.params["of_module_parameter"]
    measure(benchmark)


class TestOne:
    def test_first(self, benchmark, of_class):
        assert of_class == f"{__name__}.TestOne"
        measure(benchmark)

    def test_second(self, benchmark, of_class, of_test):
        measure(benchmark)


class TestTwo:
    def test_first(self, benchmark, of_class):
        assert of_class == f"{__name__}.TestTwo"
        measure(benchmark)
"""
SCOPES = ["session", "test_a", "test_a.TestOne", "test_a.TestTwo", "test_b"]
BROKEN = """
import pytest


@pytest.fixture(scope="{scope}")
def leaves_badly():
    yield
    raise OSError("it can't be torn down")


def test_{name}(benchmark, leaves_badly):
    benchmark.pedantic(lambda: None, rounds=1)
"""
Rows = dict[str, dict[str, Any]]
Gate = Callable[..., tuple[int, Rows]]


def run_gate(bench: Callable[..., Any], folder: Path, *arguments: str, **files: str) -> Any:
    """Run a gate of one pair on a suite of these files; fixtures log to folder/log."""
    suite = {f"tests/benchmarks/{name}.py": text for name, text in files.items()}
    toy, log = committed(folder / "toy", suite), folder / "log"
    log.mkdir()
    command = ("gate", "--base", "HEAD", "--pairs", 1, "--json", *arguments)
    done = bench(toy, *command, **QUICK, TOY_LOG=str(log))
    assert done.stdout, done.stderr
    rows = {row["benchmark"].rpartition("/")[2]: row for row in json.loads(done.stdout)}
    return done.returncode, rows


@pytest.fixture
def gate(tmp_path: Path, run_bench: Callable[..., Any]) -> Gate:
    return partial(run_gate, run_bench, tmp_path)


@pytest.fixture(scope="module")
def many_scopes(
    tmp_path_factory: pytest.TempPathFactory, run_bench: Callable[..., Any]
) -> tuple[int, Rows, list[list[str]]]:
    """A gate on two files with fixtures of every scope: exit code, verdicts and events."""
    folder = tmp_path_factory.mktemp("many")
    code, rows = run_gate(run_bench, folder, conftest=CONFTEST, test_a=FILE, test_b=FILE)
    return code, rows, events_of_processes(folder / "log")


def events_of_processes(folder: Path) -> list[list[str]]:
    """Return the events of each process of the pair."""
    return [path.read_text().splitlines() for path in sorted(folder.iterdir())]


def test_benchmarks_of_many_files_and_scopes_are_all_measured(
    many_scopes: tuple[int, Rows, list[list[str]]],
) -> None:
    code, rows, processes = many_scopes
    assert {name: row["why"] for name, row in rows.items() if row["verdict"] == "FAILED"} == {}
    assert code == 3
    assert len(rows) == 2 * (1 + 2 + 4 + 3)
    assert len(processes) == 3


def test_every_fixture_is_torn_down_as_often_as_set_up(
    many_scopes: tuple[int, Rows, list[list[str]]],
) -> None:
    for events in many_scopes[2]:
        ups = Counter(e.removeprefix("set up ") for e in events if e.startswith("set up"))
        downs = Counter(e.removeprefix("tear down ") for e in events if e.startswith("tear down"))
        assert ups == downs
        assert set(SCOPES) < set(ups)
        assert ups["session"] == 1


def test_no_two_files_nor_classes_are_set_up_at_once(
    many_scopes: tuple[int, Rows, list[list[str]]],
) -> None:
    for events in many_scopes[2]:
        active: list[str] = []
        for event in events:
            name = event.split()[-1]
            if name in SCOPES and event.startswith("set up"):
                active.append(name)
                assert len([n for n in active if n.count(".") == 0 and n != "session"]) <= 1, events
                assert len([n for n in active if n.count(".") == 1]) <= 1, events
            elif name in SCOPES:
                assert active.pop() == name  # the last that was set up is the first to go


def test_a_session_stays_set_up_around_a_benchmark_that_is_alone(
    gate: Gate, tmp_path: Path
) -> None:
    code, rows = gate("-k", "test_a and plain", conftest=CONFTEST, test_a=FILE, test_b=FILE)
    assert (code, list(rows)) == (3, ["test_a.py::test_plain"])
    for events in events_of_processes(tmp_path / "log"):
        assert events.count("set up session") == 1
        assert events.count("set up test_a") == 1
        of_test = [event for event in events if event.endswith("::test_plain")]
        assert len(of_test) >= 4  # warmed up, and measured at least once
        assert of_test[::2] == [of_test[0]] * (len(of_test) // 2)


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_an_error_in_tearing_down_is_the_failure_of_the_benchmark_that_ran_last(
    gate: Gate, scope: str
) -> None:
    code, rows = gate(
        test_a=BROKEN.format(scope=scope, name="bad"),
        test_b="def test_good(benchmark):\n    benchmark.pedantic(lambda: None, rounds=1)\n",
    )
    blamed = "test_b.py::test_good" if scope == "session" else "test_a.py::test_bad"
    assert code == 1
    assert {name for name, row in rows.items() if row["verdict"] == "FAILED"} == {blamed}
    assert "it can't be torn down" in rows[blamed]["why"]


def test_a_benchmark_that_ends_the_session_fails_and_the_others_go_on(
    gate: Gate,
) -> None:
    code, rows = gate(
        test_a="import pytest\n\n\ndef test_ends(benchmark):\n    pytest.exit('enough')\n",
        test_b="def test_good(benchmark):\n    benchmark.pedantic(lambda: None, rounds=1)\n",
    )
    assert code == 1
    assert "enough" in rows["test_a.py::test_ends"]["why"]
    assert rows["test_b.py::test_good"]["n"] == 1
