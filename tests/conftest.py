"""Fixtures for all tests."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]
if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
hypothesis.settings.register_profile("no deadline", deadline=None)  # shared machine
hypothesis.settings.load_profile("no deadline")
Bench = Callable[..., subprocess.CompletedProcess[str]]

# Tests with expensive shared fixtures: each group runs in one worker, and first, so that the other
# tests even out the load.
GROUPS = (
    "tests/reporting/",
    "tests/train/test_losses_are_the_references.py",
    "tests/regress/test_gate.py",
    "tests/execute/test_ray_executor.py",
)
# Options of pytest-benchmark that request measurements.
MEASURING = ("only", "enable", "autosave", "save", "save_data", "json", "compare", "histogram")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Run each benchmark once, without measuring, unless an option requests measurements."""
    if not any(config.getoption(f"benchmark_{name}", None) for name in MEASURING):
        config.option.benchmark_disable = True


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Distribute tests one by one over xdist's workers, but each of GROUPS to one worker."""
    from xdist.scheduler import LoadScopeScheduling

    class GroupScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((group for group in GROUPS if nodeid.startswith(group)), nodeid)

    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests whose GPU or MNIST is missing; put expensive groups first."""
    items.sort(key=lambda item: not item.nodeid.startswith(GROUPS))
    reasons = {"cuda": no_cuda(), "mnist": no_mnist()}
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def no_cuda() -> str:
    from bench.measure.machine import this_machine

    return this_machine().no_cuda


def mnist_folder() -> Path:
    return Path(os.environ.get("BENCH_DATA_DIR") or ROOT.parent / "shared" / "data")


def no_mnist() -> str:
    raw = mnist_folder() / "MNIST" / "raw" / "train-images-idx3-ubyte"
    return "" if raw.is_file() else f"no real MNIST in {mnist_folder()}"


@pytest.fixture(scope="session")
def digits_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with the embedded digits only, made once for all of xdist's workers."""
    from bench.data.embedded_sets import DIGITS

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with FileLock(shared / "data.lock"):
        DIGITS.fetch(shared / "data", lambda what, done, total: None)
    return shared / "data"


@pytest.fixture
def mnist_dir() -> Path:
    """Return the folder of the real MNIST; for tests marked `mnist`."""
    return mnist_folder()


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Return environment variables with which a process runs this bench as installed; offline."""
    added = {"BENCH_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    added["PYTHONSAFEPATH"] = "1"  # as for an installed script, whose folder is not on its path
    return {**os.environ, **added}


@pytest.fixture(scope="session")
def run_bench(environment: dict[str, str]) -> Bench:
    """Return a function that runs the real command line in a folder.

    It runs in this process, which starts faster, or with `alone` in a new one.
    """

    def run(
        folder: Path, *arguments: object, alone: bool = False, **more: str
    ) -> subprocess.CompletedProcess[str]:
        command, variables = [str(argument) for argument in arguments], {**environment, **more}
        if not alone:
            return run_in_process(folder, command, variables)
        return subprocess.run(
            [sys.executable, "-m", "bench", *command],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


def run_in_process(
    folder: Path, arguments: list[str], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Call the command line in this process, and restore the state of the process."""
    from bench.cli import main

    out, err, code = io.StringIO(), io.StringIO(), 0
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["bench", *arguments])
        patch.setattr(sys, "path", list(sys.path))
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(f"{folder}{os.sep}"):
            del sys.modules[name]
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture
def bench(tmp_path: Path, digits_dir: Path, run_bench: Bench) -> Bench:
    """Return a function that runs the real command line in an empty folder with the digits."""

    def run(
        *arguments: str | Path, alone: bool = False, **more: str
    ) -> subprocess.CompletedProcess[str]:
        variables = {"BENCH_DATA_DIR": str(digits_dir), **more}
        return run_bench(tmp_path, *arguments, alone=alone, **variables)

    return run


@pytest.fixture
def study(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes a study file."""

    def write(text: str, name: str = "study.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Return a function that writes an importable file and returns its module's name.

    Its top package is unique to the test, since bench reads a source once per process.
    """
    top = f"own_{tmp_path.name}"
    (tmp_path / top).mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    def write(path: str, source: str) -> str:
        file = tmp_path / top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
        parts = (top, *Path(path).with_suffix("").parts)
        return ".".join(part for part in parts if part != "__init__")

    return write
