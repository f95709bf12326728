"""Peak compute and memory throughput of this machine, for the roofline model."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from bench.measure.clock import Clock

DTYPES = {
    "fp32": torch.float32,
    "tf32": torch.float32,  # set_up enables tf32 by global flags
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
FIRST_SIDE = 512
LAST_SIDE = {"cpu": 2048, "cuda": 16384}
LONG_ENOUGH_S = 0.010
COPIED_BYTES = {"cpu": 64 * 2**20, "cuda": 256 * 2**20}
REPEATS = 5
REPEAT_FOR_S = 0.080  # no repeat starts later, so that a slow precision costs no more


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """The two limits of the roofline model; `bytes_per_s` counts reads and writes.

    Source: Williams, Waterman & Patterson 2009, Roofline, CACM 52(4), 65-76.
    """

    flops_per_s: float
    bytes_per_s: float


@torch.no_grad()
def machine_peaks(device: torch.device, precision: str, clock: Clock) -> Peaks:
    """Measure both peaks with the current number of threads; `precision` is a key of DTYPES.

    Each is the best of a few repeats, not a median, because disturbances only lower it.
    Allocates: read peak memory before. Raises torch.OutOfMemoryError on a nearly full GPU.
    """
    return Peaks(
        flops_per_s=_flops_per_s(device, DTYPES[precision], clock),
        bytes_per_s=_bytes_per_s(device, clock),
    )


def _flops_per_s(device: torch.device, dtype: torch.dtype, clock: Clock) -> float:
    """Time products of square matrices, doubling their side until one takes 10 ms."""
    side, best_s = FIRST_SIDE // 2, 0.0
    while best_s < LONG_ENOUGH_S and side < LAST_SIDE[device.type]:
        side *= 2
        multiply = _product(side, device, dtype)
        best_s = _best_s(multiply, clock, repeats=1)
    if best_s < REPEAT_FOR_S:
        best_s = min(best_s, _best_s(multiply, clock, repeats=REPEATS - 1))
    return 2 * side**3 / best_s


def _product(side: int, device: torch.device, dtype: torch.dtype) -> Callable[[], object]:
    """Return a matrix product of this side, executed once: the first of a shape is slower."""
    values = torch.linspace(-1, 1, side * side, dtype=torch.float32, device=device)
    left = values.to(dtype).view(side, side)
    product = torch.mm(left, left)
    return lambda: torch.mm(left, left, out=product)


def _bytes_per_s(device: torch.device, clock: Clock) -> float:
    """Time copies of a buffer that exceeds most caches."""
    size = COPIED_BYTES[device.type]
    source = torch.ones(size, dtype=torch.uint8, device=device)
    copy = source.clone()
    return 2 * size / _best_s(lambda: copy.copy_(source), clock, repeats=REPEATS)


def _best_s(work: Callable[[], object], clock: Clock, *, repeats: int) -> float:
    """Return the fastest of up to `repeats` repeats, at least one."""
    began_s = started_s = clock.now_s()
    best_s = math.inf
    for _ in range(repeats):
        work()
        ended_s = clock.now_s()
        best_s = min(best_s, ended_s - started_s)
        if ended_s - began_s > REPEAT_FOR_S:
            break
        started_s = ended_s
    return best_s
