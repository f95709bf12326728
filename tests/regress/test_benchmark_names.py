"""Short names of benchmarks are unique."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_runs import stored
from toy_repository import QUICK, committed

from bench.regress.benchmark_names import short_names

ONE = "import pytest\n\n\n@pytest.mark.parametrize('x', ['a::b=c'])\n"
ONE += "def test_it(benchmark, x):\n    benchmark.pedantic(lambda: None, rounds=1)\n"
PART = st.text("ab:[]/._·", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("benchmarks", "names"),
    [
        (["t/test_a.py::test_x", "t/test_a.py::test_y"], ["x", "y"]),
        (["t/test_a.py::test_x[a::b=c]", "t/test_b.py::test_y[b=c]"], ["x[a::b=c]", "y[b=c]"]),
        (["t/test_a.py::test_x[a::c]", "t/test_a.py::test_x[b::c]"], ["x[a::c]", "x[b::c]"]),
        (["t/test_a.py::test_x", "t/test_b.py::test_x"], ["test_a.py::x", "test_b.py::x"]),
        (["t/a/test.py::test_x", "t/b/test.py::test_x"], ["a/test.py::x", "b/test.py::x"]),
        (["test_a.py::A::test_x", "test_a.py::B::test_x"], ["A::x", "B::x"]),
        (["test_a.py::test_x", "test_a.py::A::test_x"], ["test_a.py::x", "A::x"]),
        (["t/test_a.py::test_x", "t/test_a.py::x"], ["t/test_a.py::test_x", "t/test_a.py::x"]),
        (
            ["convnet · batch 64", "tag a::b", "tag c::b"],
            ["convnet · batch 64", "tag a::b", "tag c::b"],
        ),
        (["t/caf\udce9.py::test_x", "t/b.py::test_x"], ["caf\\udce9.py::x", "b.py::x"]),
    ],
)
def test_a_name_is_the_shortest_unique_one(benchmarks: list[str], names: list[str]) -> None:
    assert list(short_names(benchmarks).values()) == names


@given(st.sets(st.builds("{}.py::{}".format, PART, PART) | PART))
def test_names_are_unique(benchmarks: set[str]) -> None:
    names = short_names(benchmarks)
    assert len(set(names.values())) == len(benchmarks)


def test_gate_and_history_use_the_same_names(tmp_path: Path, run_bench: Callable[..., Any]) -> None:
    folder = committed(tmp_path / "toy", {"b/test_a.py": ONE, "b/test_b.py": ONE})
    arguments = ("gate", "--base", "HEAD", "--pairs", 1, "--suite", "b", "--out", "kept")
    gated = run_bench(folder, *arguments, **QUICK)
    rows = json.loads((folder / "kept/verdicts.json").read_text(encoding="utf-8"))
    full = [row["benchmark"] for row in rows]
    assert sorted(full) == ["b/test_a.py::test_it[a::b=c]", "b/test_b.py::test_it[a::b=c]"]

    path = stored(folder / ".benchmarks", 1, {"x": 1.0, "y": 1.0})
    document = json.loads(path.read_text(encoding="utf-8"))
    for benchmark, name in zip(document["benchmarks"], full, strict=True):
        benchmark["fullname"] = name
    path.write_text(json.dumps(document), encoding="utf-8")
    history = run_bench(folder, "history")
    page = (folder / "reports/history/report.md").read_text(encoding="utf-8")
    for name in ("test_a.py::it[a::b=c]", "test_b.py::it[a::b=c]"):
        assert name in gated.stdout
        assert name in history.stdout
        assert name in page.replace("\\", "")
