"""A gate measures a suite whatever pytest settings the user has."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_repository import QUICK, committed

Run = Callable[..., subprocess.CompletedProcess[str]]
TWO = """
def test_first(benchmark, tmp_path):
    benchmark.pedantic(lambda: None, rounds=1)


def test_second(benchmark, tmp_path):
    benchmark.pedantic(lambda: None, rounds=1)
"""
FIRST_FAILS = TWO.replace("lambda: None", "lambda: 1 / 0", 1)
SETTINGS = [
    "--benchmark-disable",
    "--benchmark-disable --benchmark-autosave --benchmark-compare",
    "--benchmark-save=mine --benchmark-compare --benchmark-compare-fail=min:1%",
    "--benchmark-group-by=param:nothing",
    "--setup-plan",
    "--basetemp=shared",
]


@pytest.fixture
def gate(tmp_path: Path, run_bench: Run) -> Callable[..., tuple[int, dict[str, str]]]:
    def run(files: dict[str, str], **environment: str) -> tuple[int, dict[str, str]]:
        folder = committed(tmp_path / "toy", files)
        done = run_bench(folder, "gate", "--base", "HEAD", "--pairs", 1, "--json", **environment)
        assert done.stdout, done.stderr
        rows = json.loads(done.stdout)
        return done.returncode, {r["benchmark"].rpartition("_")[2]: r["verdict"] for r in rows}

    return run


@pytest.mark.parametrize("options", SETTINGS)
def test_a_suite_is_measured_whatever_its_addopts_say(
    gate: Callable[..., tuple[int, dict[str, str]]], options: str
) -> None:
    files = {"tests/benchmarks/test_a.py": TWO, "pytest.ini": f"[pytest]\naddopts = {options}\n"}
    verdicts = {"first": "INCONCLUSIVE", "second": "INCONCLUSIVE"}
    assert gate(files, **QUICK) == (3, verdicts)


def test_a_suite_is_measured_whatever_the_environment_says(
    gate: Callable[..., tuple[int, dict[str, str]]], tmp_path: Path
) -> None:
    basetemp, report = tmp_path / "shared", tmp_path / "report.xml"
    more = f" --benchmark-disable -x --basetemp={basetemp} --junitxml={report}"
    options = {**QUICK, "PYTEST_ADDOPTS": QUICK["PYTEST_ADDOPTS"] + more}
    code, verdicts = gate({"tests/benchmarks/test_a.py": FIRST_FAILS}, **options)
    assert (code, verdicts) == (1, {"first": "FAILED", "second": "INCONCLUSIVE"})
    assert not basetemp.exists()
    assert not report.exists()


@pytest.mark.parametrize("options", ["-n auto --dist loadfile", "-p no:xdist -p no:benchmark"])
def test_a_suite_is_measured_in_turns_whatever_plugins_its_addopts_load(
    gate: Callable[..., tuple[int, dict[str, str]]], options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xdist")
    for name in ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    files = {"tests/benchmarks/test_a.py": TWO, "pytest.ini": f"[pytest]\naddopts = {options}\n"}
    assert gate(files) == (3, {"first": "INCONCLUSIVE", "second": "INCONCLUSIVE"})


def test_a_suite_is_measured_whatever_its_conftest_disables(
    gate: Callable[..., tuple[int, dict[str, str]]],
) -> None:
    conftest = "def pytest_configure(config):\n    config.option.benchmark_disable = True\n"
    files = {"tests/benchmarks/test_a.py": TWO, "conftest.py": conftest}
    assert gate(files, **QUICK)[0] == 3


def test_a_suite_that_measures_nothing_is_an_error_with_the_reason(
    tmp_path: Path, run_bench: Run
) -> None:
    skips = "import pytest\n\n\ndef test_it(benchmark):\n    pytest.skip('no GPU here')\n"
    folder = committed(tmp_path / "toy", {"tests/benchmarks/test_a.py": skips})
    done = run_bench(folder, "gate", "--base", "HEAD", "--pairs", 1, **QUICK)
    assert done.returncode == 2
    assert "no benchmark was measured; it: skipped: no GPU here" in done.stderr


def test_a_test_that_never_calls_its_benchmark_is_missing(tmp_path: Path, run_bench: Run) -> None:
    folder = committed(tmp_path / "toy", {"tests/benchmarks/test_a.py": TWO})
    calls_none = TWO.replace("benchmark.pedantic(lambda: None, rounds=1)", "pass", 1)
    (folder / "tests/benchmarks/test_a.py").write_text(calls_none, encoding="utf-8")
    done = run_bench(folder, "gate", "--base", "HEAD", "--pairs", 1, "--json", **QUICK)
    (missing,) = [r for r in json.loads(done.stdout) if r["verdict"] == "MISSING"]
    assert missing["benchmark"].endswith("test_first")
    assert "never called" in missing["why"]


def test_a_process_that_dies_at_the_end_is_an_error(tmp_path: Path, run_bench: Run) -> None:
    dies = "import os\n\nimport pytest\n\n\n@pytest.fixture(scope='session', autouse=True)\n"
    dies += "def session():\n    yield\n    os.abort()\n"
    files = {"tests/benchmarks/test_a.py": TWO, "conftest.py": dies}
    folder = committed(tmp_path / "toy", files)
    done = run_bench(folder, "gate", "--base", "HEAD", "--pairs", 1, **QUICK)
    assert done.returncode == 2
    assert "died before it stored its measurements (SIGABRT)" in done.stderr
