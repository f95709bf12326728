"""Peak memory of the process or of the GPU."""

from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


def reset_peak(device: torch.device) -> bool:
    """Reset the peak; return False where the system forbids it.

    The CPU peak then covers the process from its start. Writing 5 to `clear_refs` resets VmHWM on
    Linux, but not in every container (proc_pid_clear_refs(5)).
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        CLEAR_REFS.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_bytes(device: torch.device) -> int | None:
    """Return the peak since `reset_peak`: VmHWM of this process, or that of torch's CUDA allocator.

    VmHWM includes libraries. None where the system does not report it.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if not STATUS.is_file():
        return None
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def device_bytes(device: torch.device) -> int | None:
    """Return the memory in use on a GPU by all processes, contexts included; None on a CPU."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return int(total - free)
