import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Sum in one order: two threads would round otherwise than one."""
    torch.set_num_threads(1)
