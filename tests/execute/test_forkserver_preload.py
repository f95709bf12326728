"""The server that runs are forked from is as good as a new process."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.execute.child_process import own_variables
from bench.execute.local_executor import PRELOADED
from bench.study.runs import Run

SCRIPT = """
import importlib, os, sys
import torch
for name in sys.argv[1:]:
    importlib.import_module(name)
print(len(os.listdir("/proc/self/task")), torch.cuda.is_initialized())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_what_is_preloaded_starts_no_thread_and_touches_no_gpu() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *PRELOADED],
        env={**os.environ, **own_variables()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["1", "False"]


RUN = """
import pickle, sys
from pathlib import Path
from bench.execute import EXECUTORS
from bench.execute.executor import RunContext
runs = pickle.loads(Path(sys.argv[1]).read_bytes())
if __name__ == "__main__":
    events = []
    (outcome,) = EXECUTORS["local"]().execute(runs, RunContext(Path(sys.argv[2])), events.append)
    print(outcome.status, len(events), [name for name in sys.argv[3:] if name in sys.modules])
"""


def test_the_runner_process_does_not_import_torch(
    digits_dir: Path, tmp_path: Path, runs_of: Callable[..., list[Run]]
) -> None:
    runs = runs_of({"model": {"name": "mlp", "depth": 1, "hidden": 4}})
    (tmp_path / "runs").write_bytes(pickle.dumps(runs))
    script = tmp_path / "runner.py"
    script.write_text(RUN, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script, tmp_path / "runs", digits_dir, "torch", "numpy"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split(maxsplit=2)[::2] == ["ok", "[]\n"]
