"""Networks that misbehave, each in its own way, in a module outside the package."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.measure.machine import Machine
from bench.records import Kind
from bench.study.blocks import block_runs
from bench.study.plan import Run, make_plan
from bench.study.spec import Cell, Study

NETWORKS = '''
import os, signal, time
import torch
from torch import nn

class Plain(nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.Linear(width, 10))
    def forward(self, x):
        return self.net(x)

class InTraining(Plain):
    """Behaves until it is trained on a whole batch."""
    def forward(self, x):
        if self.training and len(x) > 2:
            self.misbehave(x)
        return super().forward(x)

class Raises(InTraining):
    def misbehave(self, x):
        raise RuntimeError("the third weight\\nis made of cheese")

class Dies(InTraining):
    def misbehave(self, x):
        os.kill(os.getpid(), signal.SIGSEGV)

class Killed(InTraining):
    def misbehave(self, x):
        os.kill(os.getpid(), signal.SIGKILL)

class Leaves(InTraining):
    def misbehave(self, x):
        os._exit(7)

class Hangs(InTraining):
    def misbehave(self, x):
        signal.pause()

class Starves(InTraining):
    def misbehave(self, x):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

class NotANumber(Plain):
    def forward(self, x):
        return super().forward(x) * float("nan")

class OwnLoss(Plain):
    def loss(self, output, target):
        return output.mean()

class WrongShape(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
    def forward(self, x):
        return x.flatten(1)[:, :7] * self.weight

class NotANetwork:
    pass

class CannotBeBuilt(nn.Module):
    def __init__(self):
        raise ValueError("no such wire")
'''

MACHINE = Machine("a CPU", 1, 2**30, "an OS", (), "no CUDA device: made up", (("torch", "1"),))


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put the misbehaving networks on the import path and give their module's name."""
    (tmp_path / "misbehaving.py").write_text(NETWORKS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "misbehaving"


def plan_runs(cell: dict[str, Any], kind: Kind = "trial", **study: Any) -> list[Run]:
    """Plan the runs of one kind of one cell on a CPU with one thread, on the embedded digits."""
    base = {"dataset": "digits", "threads": 1, "device": "cpu", "batch_size": 2048, "epochs": 1}
    spec = Study.model_validate({"name": "tests", "timing": "off", **study})
    declared = [Cell.model_validate(base | cell)]
    plan = make_plan(spec, declared, MACHINE, {})
    return [run for run in (*plan.runs, *block_runs(plan, [], [])) if run.kind == kind]


@pytest.fixture
def runs_of() -> Callable[..., list[Run]]:
    return plan_runs
