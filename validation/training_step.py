"""A training step of LeNet-5 with a known amount of extra work, for tools to measure.

    python validation/training_step.py DOSE STEPS

Studies of `bench` import `extra_work:ExtraWork` themselves; `compare_with_tools.py` gives this step
to the other tools. It imports little, because hyperfine's time includes the start of the process.
"""

import sys
from collections.abc import Callable

import torch
from extra_work import ExtraWork

from bench.train import Training

BATCH_SIZE = 64


def training_step(dose: float) -> Callable[[], object]:
    """Return a function that takes one training step on the same batch each time."""
    torch.manual_seed(0)
    model = ExtraWork(dose=dose)
    # With a learning rate of 0 the weights stay as they are: every step does the same work.
    training = Training(model, torch.optim.Adam(model.parameters(), lr=0.0), None)
    images, labels = torch.randn(BATCH_SIZE, 1, 28, 28), torch.randint(10, (BATCH_SIZE,))
    return lambda: training.step(images, labels)


if __name__ == "__main__":
    step = training_step(float(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        step()
