"""Ctrl-C once lets the current run end; twice, or SIGTERM, ends at once. Either way: exit 130."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import pytest

from bench.cli.study_reporter import StudyReporter

ROOT = Path(__file__).parents[2]
NETWORK = """
import time
from torch import nn

class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    def forward(self, x):
        time.sleep(0.05)
        return self.net(x)
"""
STUDY = """
name: slow
base: {model: {import: "slow_network:Slow"}, dataset: digits, batch_size: 2000, epochs: 1}
seeds: [0, 1, 2]
timing: off
"""


@contextmanager
def running(
    folder: Path, data: Path, until: str = "Train Epoch"
) -> Iterator[subprocess.Popen[str]]:
    """Start the study in a folder, and wait for a line: by default of the first run's steps."""
    (folder / "slow_network.py").write_text(NETWORK, encoding="utf-8")
    (folder / "slow.yaml").write_text(STUDY, encoding="utf-8")
    own = {"BENCH_DATA_DIR": str(data), "BENCH_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "bench", "run", "slow.yaml", "-v"],
        cwd=folder,
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that a signal can go to all that it starts, as Ctrl-C does
        # Whoever runs the tests may ignore Ctrl-C, as a job in the background does.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(until):
                break
        yield process
    finally:
        process.kill()
        process.communicate()


def finished(folder: Path) -> list[int]:
    return pd.read_csv(folder / "results/slow/trials.csv").seed.tolist()


def test_one_ctrl_c_lets_the_current_run_end(tmp_path: Path, digits_dir: Path) -> None:
    with running(tmp_path, digits_dir) as process:
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopping after the current runs; press Ctrl-C again to abandon them" in output
    assert "interrupted; finished runs are kept" in output
    assert finished(tmp_path) == [0]


def imports_torch(process: subprocess.Popen[str]) -> bool:
    """Tell whether a child of a process has begun to load torch."""
    proc = Path("/proc")
    children = (proc / f"{process.pid}/task/{process.pid}/children").read_text().split()
    with suppress(OSError):  # one that ended meanwhile
        return any("libtorch" in (proc / child / "maps").read_text() for child in children)
    return False


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no /proc to see children in")
def test_ctrl_c_while_torch_is_imported_is_no_traceback(tmp_path: Path, digits_dir: Path) -> None:
    with running(tmp_path, digits_dir, until="estimate") as process:
        while process.poll() is None and not imports_torch(process):
            pass  # the server that runs are forked from takes seconds for it
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; finished runs are kept" in output
    assert "Traceback" not in output
    assert "KeyboardInterrupt" not in output


def test_sigterm_abandons_it(tmp_path: Path, digits_dir: Path) -> None:
    with running(tmp_path, digits_dir) as process:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert finished(tmp_path) == []


@pytest.fixture
def heard() -> Iterator[None]:
    """Let Ctrl-C be heard, also where whoever runs the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class CountingReporter(StudyReporter):
    """Counts how often it announces that it stops."""

    stops = 0

    def show_stopping(self) -> None:
        self.stops += 1


@pytest.mark.usefixtures("heard")
def test_a_second_ctrl_c_abandons_what_goes_on() -> None:
    with CountingReporter() as reporter:
        reporter.running["a run"] = ""
        signal.raise_signal(signal.SIGINT)
        assert (reporter.is_stopping(), reporter.stops) == (True, 1)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("heard")
def test_a_ctrl_c_before_any_run_ends_at_once() -> None:
    with CountingReporter() as reporter, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert reporter.stops == 0
