"""Peak memory of a pass, on the process's side or the device's."""

from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


def reset_peak(device: torch.device) -> bool:
    """Start a new peak; False where the system lets none start.

    On a CPU, the peak is then still that of the whole process: writing 5 to `clear_refs`
    resets VmHWM on Linux, but not in every container (proc_pid_clear_refs(5)).
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
    """Peak since `reset_peak`: resident set of this process (VmHWM), or torch's allocator's.

    The resident set holds the libraries too. None where the system does not say.
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
    """All that is in use on a GPU now: contexts, allocators' reserves, and other processes.

    None on a CPU.
    """
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return int(total - free)
