"""Fixtures that every room's tests share."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]
if "PYTEST_XDIST_WORKER" in os.environ:  # several at once share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
hypothesis.settings.register_profile("no time", deadline=None)  # the machine is shared
hypothesis.settings.load_profile("no time")
Bench = Callable[..., subprocess.CompletedProcess[str]]


# Tests that share what takes long to make. They come first, so that the rest evens out.
TOGETHER = (
    "tests/reporting/",
    "tests/train/test_losses_are_the_references.py",
    "tests/regress/test_a_gate.py",
    "tests/execute/test_ray.py",
)
# Any of pytest-benchmark's own options that ask for numbers.
ASKED = ("only", "enable", "autosave", "save", "save_data", "json", "compare", "histogram")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Run each benchmark once, unmeasured, where nobody asks for its numbers."""
    if not any(config.getoption(f"benchmark_{name}", None) for name in ASKED):
        config.option.benchmark_disable = True


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Of several processes (`-n auto`), let one run tests that share what takes long to make."""
    from xdist.scheduler import LoadScopeScheduling

    class SomeTogether(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((t for t in TOGETHER if nodeid.startswith(t)), nodeid)

    return SomeTogether(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU or the real MNIST where there is none, and say so; the long first."""
    items.sort(key=lambda item: not item.nodeid.startswith(TOGETHER))
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
    """A data folder of its own with the embedded digits made in it, and nothing else."""
    from bench.data import DATASETS

    folder = tmp_path_factory.mktemp("data")
    DATASETS["digits"].fetch(folder, lambda what, done, total: None)
    return folder


@pytest.fixture
def mnist_dir() -> Path:
    """The folder of the real MNIST; for tests marked `mnist`."""
    return mnist_folder()


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """What a process needs to start this bench, as if it were installed; offline."""
    own = {"BENCH_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    own["PYTHONSAFEPATH"] = "1"  # the installed script does not have its folder on its path
    return {**os.environ, **own}


@pytest.fixture(scope="session")
def run_bench(environment: dict[str, str]) -> Bench:
    """Run the real command line in a folder: here, or `alone` in a process of its own.

    Here it starts at once, and forks its runs from a server that has imported torch already.
    """

    def run(
        folder: Path, *arguments: object, alone: bool = False, **more: str
    ) -> subprocess.CompletedProcess[str]:
        given, own = [str(argument) for argument in arguments], {**environment, **more}
        if not alone:
            return called(folder, given, own)
        return subprocess.run(
            [sys.executable, "-m", "bench", *given],
            cwd=folder,
            env=own,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


def called(
    folder: Path, arguments: list[str], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Call the command line in this process, and leave the process as it was."""
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
    """Run the real command line in an empty folder, offline, with the embedded digits."""

    def run(
        *arguments: str | Path, alone: bool = False, **more: str
    ) -> subprocess.CompletedProcess[str]:
        own = {"BENCH_DATA_DIR": str(digits_dir), **more}
        return run_bench(tmp_path, *arguments, alone=alone, **own)

    return run


@pytest.fixture
def study(tmp_path: Path) -> Callable[[str], Path]:
    """Write a study file."""

    def write(text: str, name: str = "study.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Write a file below a folder on the import path, and give its module's name.

    The top of that name is this test's own, since a source is read once in a process.
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
