"""The server that runs are forked from is as good as a new process."""

import os
import subprocess
import sys

import pytest

from bench.execute.local import PRELOADED, SERVER_ENVIRONMENT

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
        env={**os.environ, **SERVER_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["1", "False"]
