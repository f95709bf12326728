"""The peak of a pass, held against an allocation of known size."""

import mmap
from pathlib import Path

import pytest
import torch

from bench.measure import memory as module
from bench.measure.memory import device_bytes, peak_bytes, reset_peak

CPU = torch.device("cpu")
SIZE = 128 * 2**20
TOLERANCE = SIZE // 4


def resets_here() -> bool:
    return reset_peak(CPU)


needs_reset = pytest.mark.skipif(
    not resets_here(), reason="this system does not let /proc/self/clear_refs be written"
)


def big() -> mmap.mmap:
    """Take memory that is surely new: a heap may have as much to spare."""
    memory = mmap.mmap(-1, SIZE)
    memory[:: mmap.PAGESIZE] = b"1" * (SIZE // mmap.PAGESIZE)
    return memory


def peak() -> int:
    reported = peak_bytes(CPU)
    assert reported is not None
    return reported


@needs_reset
def test_an_allocation_after_a_reset_raises_the_peak_by_its_size() -> None:
    assert reset_peak(CPU)
    before = peak()
    with big():
        assert abs(peak() - before - SIZE) < TOLERANCE


@needs_reset
def test_a_reset_after_freeing_brings_the_peak_down() -> None:
    with big():
        high = peak()
    assert peak() >= high - TOLERANCE  # freeing alone does not
    assert reset_peak(CPU)
    assert peak() < high - SIZE + TOLERANCE


@pytest.mark.parametrize("kind", ["absent", "a folder"])
def test_where_no_peak_can_be_reset_it_stays_the_process_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / "nowhere" / "clear_refs" if kind == "absent" else tmp_path
    monkeypatch.setattr(module, "CLEAR_REFS", path)
    assert not reset_peak(CPU)


def test_a_reset_writes_five(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """4 and less clear page bits; 5 alone resets the peak."""
    monkeypatch.setattr(module, "CLEAR_REFS", tmp_path / "clear_refs")
    assert reset_peak(CPU)
    assert (tmp_path / "clear_refs").read_text() == "5"


def test_a_system_without_status_has_no_peak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STATUS", tmp_path / "status")
    assert peak_bytes(CPU) is None
    (tmp_path / "status").write_text("Name:\tpython\nVmRSS:\t 5 kB\n")
    assert peak_bytes(CPU) is None
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t    5 kB\n")
    assert peak_bytes(CPU) == 5 * 1024


def test_a_cpu_has_no_device_memory() -> None:
    assert device_bytes(CPU) is None


@pytest.mark.cuda
def test_a_gpus_memory_in_use_contains_what_is_allocated() -> None:
    device = torch.device("cuda")
    assert reset_peak(device)
    big = torch.ones(SIZE, dtype=torch.uint8, device=device)
    used = device_bytes(device)
    assert used is not None
    assert used >= big.numel()
    assert (peak_bytes(device) or 0) >= big.numel()
