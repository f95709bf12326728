"""What a network prints is in the log of its run, and nowhere in what bench prints."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

NETWORK = """
import os
from torch import nn

print("at import")
os.system("echo from a process of its own")


class Net(nn.Sequential):
    def __init__(self, breaks: bool = False):
        print("in __init__")
        super().__init__(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(1))
        self.breaks = breaks

    def forward(self, images):
        os.write(1, b"below Python\\n")
        if self.breaks and len(images) > 2:
            raise ValueError("it broke")
        return super().forward(images)


class Quiet(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(1))
"""
STUDY = """
name: x
base: {model: {import: "talking:Net"}, dataset: digits, epochs: 0, batch_size: 30000}
timing: off
"""
WORDS = ("at import", "from a process of its own", "in __init__", "below Python")
EXECUTORS = pytest.mark.parametrize("executor", ["local", "inline"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "talking.py").write_text(NETWORK, encoding="utf-8")
    (tmp_path / "x.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path


@EXECUTORS
def test_json_lines_stand_alone_on_standard_output(
    bench: Callable, folder: Path, executor: str
) -> None:
    done = bench("run", "x.yaml", "--json", "--no-report", "--executor", executor, alone=True)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events[:3]] == ["plan", "start", "epoch"]
    logs = [folder / event["log"] for event in events if event["event"] == "printed"]
    assert len(logs) == 2  # the trial, the cost pass
    for log in logs:
        text = log.read_text(encoding="utf-8")
        assert log.parent == folder / "results/x/logs"
        expected = WORDS if log is logs[0] or executor == "local" else WORDS[2:]
        assert all(word in text for word in expected)  # inline a module is imported once


def test_a_run_that_fails_names_its_log(bench: Callable, folder: Path) -> None:
    breaking = "base.model={import: 'talking:Net', breaks: true}"
    done = bench("run", "x.yaml", "--no-report", "--set", breaking)
    assert done.returncode == 1
    (trial, _) = re.findall(r"printed: (\S+)", done.stdout)
    assert "in __init__" in (folder / trial).read_text(encoding="utf-8")
    assert not any(word in done.stdout for word in WORDS)


def test_a_network_that_is_quiet_has_no_log(bench: Callable, folder: Path) -> None:
    quiet = NETWORK.replace('print("at import")\n', "").replace("os.system", "str")
    (folder / "talking.py").write_text(quiet, encoding="utf-8")
    chosen = "base.model={import: 'talking:Quiet'}"
    done = bench("run", "x.yaml", "--no-report", "--set", chosen)
    assert done.returncode == 0, done.stderr
    assert not (folder / "results/x/logs").exists()


@EXECUTORS
def test_a_network_that_cannot_be_built_is_refused_with_its_words(
    bench: Callable, folder: Path, executor: str
) -> None:
    broken = NETWORK.replace("len(images) > 2", "True").replace(
        "breaks: bool = False", "breaks=True"
    )
    (folder / "talking.py").write_text(broken, encoding="utf-8")
    done = bench("run", "x.yaml", "--json", "--executor", executor, alone=True)
    assert done.returncode == 2
    assert "it broke" in done.stderr and "in __init__" in done.stderr
    assert all(json.loads(line) for line in done.stdout.splitlines())
