"""What this machine can do at most, which a step's counts are held against."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from bench.measure.clock import Clock

DTYPES = {
    "fp32": torch.float32,
    "tf32": torch.float32,  # the global flags that set_up sets make the difference
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
FIRST_SIDE = 512
LAST_SIDE = {"cpu": 2048, "cuda": 16384}
LONG_ENOUGH_S = 0.010
COPIED_BYTES = {"cpu": 64 * 2**20, "cuda": 256 * 2**20}
REPEATS = 5
REPEAT_FOR_S = 0.080  # no repeat starts later than this, so that a slow precision costs no more


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """The two roofs of the roofline model; `bytes_per_s` counts bytes read and bytes written.

    Source: Williams, Waterman & Patterson 2009, Roofline, CACM 52(4), 65-76.
    """

    flops_per_s: float
    bytes_per_s: float


@torch.no_grad()
def machine_peaks(device: torch.device, precision: str, clock: Clock) -> Peaks:
    """Measure the peaks here and now, with the threads that are set.

    Each is the best of a few repeats and no median: a roof is what was reached once, and what
    disturbs can only lower it. Allocates: read a block's memory before. `precision` is fp32,
    tf32, bf16 or fp16. Raises torch.OutOfMemoryError on a GPU that is nearly full.
    """
    return Peaks(
        flops_per_s=_flops_per_s(device, DTYPES[precision], clock),
        bytes_per_s=_bytes_per_s(device, clock),
    )


def _flops_per_s(device: torch.device, dtype: torch.dtype, clock: Clock) -> float:
    """Multiply square matrices, doubling their side until one product takes 10 ms."""
    side = FIRST_SIDE
    multiply = _product(side, device, dtype)
    best_s = _best_s(multiply, clock, repeats=1)
    while best_s < LONG_ENOUGH_S and side < LAST_SIDE[device.type]:
        side *= 2
        multiply = _product(side, device, dtype)
        best_s = _best_s(multiply, clock, repeats=1)
    if best_s < REPEAT_FOR_S:
        best_s = min(best_s, _best_s(multiply, clock, repeats=REPEATS - 1))
    return 2 * side**3 / best_s


def _product(side: int, device: torch.device, dtype: torch.dtype) -> Callable[[], object]:
    """Make a product of that side and do it once; the first of a shape is slower."""
    values = torch.linspace(-1, 1, side * side, dtype=torch.float32, device=device)
    left = values.to(dtype).view(side, side)
    product = torch.mm(left, left)
    return lambda: torch.mm(left, left, out=product)


def _bytes_per_s(device: torch.device, clock: Clock) -> float:
    """Copy a buffer that, with its copy, is larger than most machines' caches."""
    size = COPIED_BYTES[device.type]
    source = torch.ones(size, dtype=torch.uint8, device=device)
    copy = source.clone()
    return 2 * size / _best_s(lambda: copy.copy_(source), clock, repeats=REPEATS)


def _best_s(work: Callable[[], object], clock: Clock, *, repeats: int) -> float:
    """Give the fastest repeat; where they are slow, fewer are timed, but at least one."""
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
