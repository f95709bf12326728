"""A history of thirty sessions with one step in it."""

from pathlib import Path

import numpy as np
import pytest
from stored_runs import stored


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """Thirty sessions of three benchmarks; from the 18th on `step` takes a tenth longer."""
    noise = np.exp(np.random.default_rng(7).normal(0, 0.03, (30, 3)))
    folder = tmp_path / ".benchmarks"
    for i, (step, epoch, plan) in enumerate(noise):
        slower = 1.1 if i >= 18 else 1.0
        medians = {"step[convnet]": 0.05 * step * slower, "epoch": 2 * epoch, "plan": 2e-4 * plan}
        stored(folder, i, medians)
    return folder
