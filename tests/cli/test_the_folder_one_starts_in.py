"""Modules in the folder that one starts in serve `import:`, and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

NETWORK = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(1))
"""
STUDY = """
name: x
base: {model: {import: "mynet:Net"}, dataset: digits, epochs: 0, batch_size: 30000}
timing: off
"""
TAKEN = ("random", "queue", "torch", "yaml", "typing", "numpy", "platform", "bench_plan")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in TAKEN:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} of the folder')\n")
    (tmp_path / "mynet.py").write_text(NETWORK, encoding="utf-8")
    (tmp_path / "x.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def test_no_module_there_hides_one_of_pythons_own_or_an_installed_one(
    bench: Callable, folder: Path
) -> None:
    done = bench("run", "x.yaml", "--no-report", alone=True, PYTHONSAFEPATH="")
    assert done.returncode == 0, done.stderr
    assert "of the folder" not in done.stdout + done.stderr
    assert "2 ok" in done.stdout


@pytest.mark.parametrize("name", ["random", "yaml", "torch"])
def test_a_network_in_a_module_of_a_taken_name_is_refused(
    bench: Callable, folder: Path, name: str
) -> None:
    done = bench("plan", "x.yaml", "--set", f"base.model={{import: '{name}:Net'}}", alone=True)
    assert done.returncode == 2
    assert f"{name}.py is hidden by another module of that name" in done.stderr
