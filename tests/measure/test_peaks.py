"""Peaks on a clock that a script moves, and once on this machine."""

from collections.abc import Callable

import pytest
import torch

from bench.measure import peaks as module
from bench.measure.clock import CpuClock
from bench.measure.peaks import machine_peaks

CPU = torch.device("cpu")


class Work:
    """Stands for every operation: each takes its time on a clock of its own."""

    def __init__(self, seconds: Callable[[int], float]) -> None:
        self.time_s = 0.0
        self.sides: list[int] = []
        self._seconds = seconds

    def now_s(self) -> float:
        return self.time_s

    def product(self, side: int, device: torch.device, dtype: torch.dtype) -> Callable[[], None]:
        def run() -> None:
            self.sides.append(side)
            self.time_s += self._seconds(side)

        return run


def flops_per_s(monkeypatch: pytest.MonkeyPatch, work: Work) -> float:
    monkeypatch.setattr(module, "_product", work.product)
    return module._flops_per_s(CPU, torch.float32, work)


def test_the_side_is_doubled_until_a_product_takes_long_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = Work(lambda side: 2 * side**3 / 200e9)
    assert flops_per_s(monkeypatch, work) == pytest.approx(200e9)
    assert work.sides == [512, 1024, 1024, 1024, 1024, 1024]


def test_the_side_has_a_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(lambda side: 1e-6)
    assert flops_per_s(monkeypatch, work) == pytest.approx(2 * 2048**3 / 1e-6)
    assert max(work.sides) == 2048


def test_a_slow_precision_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(lambda side: 0.5)
    assert flops_per_s(monkeypatch, work) == pytest.approx(2 * 512**3 / 0.5)
    assert work.sides == [512]


def test_a_peak_is_the_best_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0.03, 0.02, 0.012, 0.014, 0.016])
    work = Work(lambda side: next(seconds))
    assert flops_per_s(monkeypatch, work) == pytest.approx(2 * 512**3 / 0.012)


def test_slow_repeats_are_fewer() -> None:
    work = Work(lambda side: 0.05)
    assert module._best_s(work.product(1, CPU, torch.float32), work, repeats=5) == 0.05
    assert len(work.sides) == 2


def test_a_copy_counts_the_bytes_read_and_the_bytes_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "COPIED_BYTES", {"cpu": 1000})
    monkeypatch.setattr(module, "_best_s", lambda work, clock, repeats: 2.0)
    assert module._bytes_per_s(CPU, CpuClock()) == 2 * 1000 / 2.0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_this_machine_has_peaks(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    monkeypatch.setattr(module, "LAST_SIDE", {"cpu": 512})
    monkeypatch.setattr(module, "COPIED_BYTES", {"cpu": 2**20})
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    peaks = machine_peaks(CPU, precision, CpuClock())
    assert 0 < peaks.bytes_per_s < float("inf")
    assert 0 < peaks.flops_per_s < float("inf")
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [
        ("fp32", torch.float32),
        ("tf32", torch.float32),
        ("bf16", torch.bfloat16),
        ("fp16", torch.float16),
    ],
)
def test_the_operands_have_the_cells_precision(
    monkeypatch: pytest.MonkeyPatch, precision: str, dtype: torch.dtype
) -> None:
    requested: list[torch.dtype] = []

    def record(device: torch.device, dtype: torch.dtype, clock: object) -> float:
        requested.append(dtype)
        return 1.0

    monkeypatch.setattr(module, "_flops_per_s", record)
    monkeypatch.setattr(module, "_bytes_per_s", lambda device, clock: 1.0)
    machine_peaks(CPU, precision, CpuClock())
    assert requested == [dtype]


def test_a_product_has_operands_of_its_side_and_type() -> None:
    product = module._product(4, CPU, torch.bfloat16)()
    assert isinstance(product, torch.Tensor)
    assert product.shape == (4, 4)
    assert product.dtype is torch.bfloat16
    assert bool(product.isfinite().all())


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_a_gpu_has_peaks(precision: str) -> None:
    from bench.measure.clock import clock_for

    device = torch.device("cuda")
    peaks = machine_peaks(device, precision, clock_for(device))
    assert peaks.flops_per_s > 0
    assert peaks.bytes_per_s > 0
