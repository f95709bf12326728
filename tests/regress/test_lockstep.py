"""Base, its A/A control and head run each benchmark in lockstep, one at a time."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy_repository import QUICK, committed

from bench.regress import lockstep

CONFTEST = """
import os
from contextlib import contextmanager

import pytest

rounds = 0


def note(*words):
    with open(os.environ["TOY_LOG"], "a") as log:
        print(os.getpid(), *words, file=log)


@contextmanager
def computing(what):
    note("begin", what)
    sum(range(20_000))
    yield
    note("end", what)


@pytest.fixture
def prepared():
    global rounds
    rounds = 0
    with computing("setup"):
        assert "GOMP_SPINCOUNT" in os.environ  # who waits must leave the cores to the others
        assert "MALLOC_TRIM_THRESHOLD_" in os.environ  # or page faults differ by chance
    yield
    with computing("teardown"):
        pass


def work(what="round"):
    global rounds
    with computing(what):
        rounds += 1


def prepare():
    with computing("arguments"):
        return (), {}
"""
IMPORTS = """
import os
import signal
from pathlib import Path

import conftest
import pytest
from conftest import prepare, work
"""
PLAIN = """
@pytest.mark.benchmark(min_rounds=7, max_time=0)
def test_plain(benchmark, prepared):
    benchmark(work)
"""
WARMED_UP = """
@pytest.mark.benchmark(min_rounds=7, max_time=0, warmup=True, warmup_iterations=3)
def test_warmed_up(benchmark, prepared):
    benchmark(work)
"""
PEDANTIC = """
def test_pedantic(benchmark, prepared):
    benchmark.pedantic(work, setup=prepare, rounds=7, warmup_rounds=2)
"""
ENDING = """
WAITING = Path(os.environ["TOY_LOG"]).with_name("waiting")


def ring(*_):
    raise TimeoutError("too long")


def be_interrupted_while_waiting():
    signal.signal(signal.SIGALRM, ring)
    WAITING.write_text(str(os.getpid()))


def may_end():
    work("ending")
    if WAITING.exists():
        os.kill(int(WAITING.read_text()), signal.SIGALRM)
        WAITING.unlink()
    if conftest.rounds == 3 and {ends}:
        {statement}


def test_ending(benchmark, prepared):
    benchmark.pedantic(may_end, rounds=7)
"""
# What runs right after another process takes half a second less.
CLOCK = """
now_s = 0.0


def timer():
    return now_s


def cold_or_warm():
    global now_s
    with open(os.environ["TOY_LOG"]) as log:
        last = log.readlines()[-1].split()[0]
    now_s += 1.0 if last == str(os.getpid()) else 0.5
    work()


@pytest.mark.benchmark(timer=timer)
def test_cold(benchmark, prepared):
    benchmark.pedantic(cold_or_warm, rounds=9, warmup_rounds=1)
"""
Gate = Callable[..., dict[str, dict[str, Any]]]
Event = tuple[str, str, str]  # process, begin or end, of what


@pytest.fixture
def gate(tmp_path: Path, run_bench: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Return a function that runs a gate of one turn and returns the verdicts by benchmark."""

    def run(suite: str, head: str = "", *, slice_s: float = 0.0) -> dict[str, dict[str, Any]]:
        monkeypatch.setattr(lockstep, "SLICE_S", slice_s)
        monkeypatch.setattr("bench.regress.pytest_suite.MAX_TURNS", 1)
        files = {"conftest.py": CONFTEST, "test_it.py": IMPORTS + suite}
        toy = committed(tmp_path / "toy", {f"tests/benchmarks/{n}": t for n, t in files.items()})
        (toy / "tests/benchmarks/test_it.py").write_text(IMPORTS + (head or suite))
        command = ("gate", "--base", "HEAD", "--pairs", 1, "--json", "--out", tmp_path / "kept")
        done = run_bench(toy, *command, **QUICK, TOY_LOG=str(tmp_path / "log"))
        assert done.stdout, done.stderr
        return {row["benchmark"].rpartition("_")[2]: row for row in json.loads(done.stdout)}

    return run


def events(folder: Path) -> list[Event]:
    """Return what the processes logged."""
    lines = (folder / "log").read_text().splitlines()
    return [(process, kind, what) for process, kind, what in map(str.split, lines)]


def starts(folder: Path, what: str) -> list[str]:
    """Return the processes in the order in which they began something."""
    return [process for process, kind, of in events(folder) if (kind, of) == ("begin", what)]


@pytest.mark.parametrize(
    ("suite", "calibrating", "rounds"), [(PLAIN, 1, 7), (WARMED_UP, 1, 10), (PEDANTIC, 0, 9)]
)
def test_rounds_of_the_processes_alternate_in_balanced_order(
    gate: Gate, tmp_path: Path, suite: str, calibrating: int, rounds: int
) -> None:
    (row,) = gate(suite).values()
    assert row["verdict"] == "INCONCLUSIVE"
    seen: Counter[str] = Counter()
    order = starts(tmp_path, "setup")[:3]
    for process in starts(tmp_path, "round"):
        if calibrating <= seen[process] < calibrating + rounds:
            order.append(process)
        seen[process] += 1
    passes = [order[i : i + 3] for i in range(0, len(order), 3)]
    assert len(passes) == 1 + rounds
    assert {len(set(each)) for each in passes} == {3}
    positions = Counter(place for each in passes[:6] for place in enumerate(each))
    assert set(positions.values()) == {2}


def test_only_one_process_computes_at_a_time(gate: Gate, tmp_path: Path) -> None:
    gate(PLAIN + PEDANTIC)
    logged = events(tmp_path)
    assert {what for _, _, what in logged} == {"setup", "arguments", "round", "teardown"}
    for (process, kind, what), after in zip(logged[::2], logged[1::2], strict=True):
        assert kind == "begin"
        assert after == (process, "end", what)


@pytest.mark.parametrize(
    ("statement", "verdict", "reason"),
    [
        ("os.abort()", "FAILED", "SIGABRT"),
        ("raise ValueError('it broke')", "FAILED", "it broke"),
        ("pytest.skip('not here')", "MISSING", "not here"),
        ("be_interrupted_while_waiting()", "FAILED", "too long"),
    ],
)
def test_a_benchmark_may_end_early_in_one_process_and_the_others_go_on(
    gate: Gate, tmp_path: Path, statement: str, verdict: str, reason: str
) -> None:
    base, head = (ENDING.format(ends=ends, statement=statement) for ends in (False, True))
    rows = gate(PLAIN + base + PEDANTIC, PLAIN + head + PEDANTIC)
    assert rows["ending"]["verdict"] == verdict
    assert reason in rows["ending"]["why"]
    assert sorted(Counter(starts(tmp_path, "ending")).values()) == [3, 7, 7]
    survivors = 2 if reason == "SIGABRT" else 3
    assert list(Counter(starts(tmp_path, "arguments")).values()) == survivors * [9]


@pytest.mark.parametrize(("slice_s", "value"), [(10.0, "1.0"), (0.0, "0.5")])
def test_the_first_round_of_a_slice_does_not_count_unless_it_is_the_only_one(
    gate: Gate, tmp_path: Path, slice_s: float, value: str
) -> None:
    gate(CLOCK, slice_s=slice_s)
    with (tmp_path / "kept/pairs.csv").open(encoding="utf-8") as file:
        values = [row["value"] for row in csv.DictReader(file)]
    assert values == [value] * 3
