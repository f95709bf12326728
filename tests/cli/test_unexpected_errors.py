"""An error that nobody expected has an exit code of its own, one message, and a kept traceback."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_log_dir", lambda name: str(tmp_path / "state" / name))
    return tmp_path / "state" / "bench"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("a\nb"), "RuntimeError: a b"),
        (MemoryError(), "MemoryError"),
        (RecursionError("deep"), "RecursionError: deep"),
        (EOFError(), "EOFError"),
        (BrokenPipeError(32, "to a worker"), "BrokenPipeError: [Errno 32] to a worker"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "UnicodeDecodeError: 'utf-8'"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_one_message_names_the_file_with_the_traceback(
    bench: Callable, logs: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("bench.reporting.render.render", break_down)
    done = bench("report", "results/x")
    (log,) = logs.iterdir()
    assert done.returncode == 70
    assert done.stdout == ""
    assert done.stderr.startswith(f"bench: unexpected error: {expected}")
    assert done.stderr.endswith(
        f"\n  The traceback is in {log}. Please report it with that file.\n"
    )
    assert "Traceback" not in done.stderr
    assert "in break_down" in log.read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_leaves_the_temporary_one(
    bench: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("platformdirs.user_log_dir", lambda name: str(tmp_path / "file" / name))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    monkeypatch.setattr("bench.reporting.render.render", None)
    done = bench("report", "results/x")
    assert done.returncode == 70
    found = re.search(r"The traceback is in (\S+)\. Please", done.stderr)
    assert found and Path(found[1]).parent == tmp_path / "tmp"
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "file"))
    done = bench("report", "results/x")
    assert done.returncode == 70
    assert "Traceback" in done.stderr and "is above" in done.stderr


def test_the_completion_of_a_shell_is_a_command_like_any_other(
    bench: Callable, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cli.completion.join_split_words", None)
    request = {"_BENCH_COMPLETE": "complete_bash", "COMP_CWORD": "1", "COMP_WORDS": "bench\nr"}
    assert bench(**request).returncode == 70
    assert len(list(logs.iterdir())) == 1


def test_interrupts_and_user_errors_are_not_unexpected(
    bench: Callable, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench("report", "nothing").returncode == 2
    assert bench("report").returncode == 2

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.reporting.render.render", interrupt)
    done = bench("report", "results/x")
    assert (done.returncode, done.stderr) == (130, "")
    assert not logs.exists()


def test_a_network_that_ends_the_process_is_a_failed_run(bench: Callable, tmp_path: Path) -> None:
    network = (
        "import sys\nfrom torch import nn\n\n\nclass Net(nn.Flatten):\n"
        "    def forward(self, images):\n        sys.exit(0)\n"
    )
    (tmp_path / "leaving.py").write_text(network, encoding="utf-8")
    text = "{name: x, base: {model: {import: 'leaving:Net'}, dataset: digits}, timing: off}"
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    done = bench("run", "x.yaml", "--executor", "inline", "--no-report")
    assert done.returncode == 2, done.stderr
    assert done.stderr == "bench: x.yaml: model leaving:Net: SystemExit: 0 (leaving.py, line 7)\n"
