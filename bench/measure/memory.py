"""Peak memory of the process or of the device."""

from pathlib import Path

import torch

STATUS = Path("/proc/self/status")


def reset_peak(device: torch.device) -> None:
    """Start a new peak on a GPU; a CPU run's peak is that of its own fresh process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> int | None:
    """Peak resident set of this process (Linux VmHWM), or of torch's allocator on a GPU.

    None where the system does not say.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if not STATUS.is_file():
        return None
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
