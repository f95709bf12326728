"""A GPU's clock, what holds it back, and who else computes on it, as nvidia-smi tells it."""

import math
import subprocess
from dataclasses import dataclass

import torch

TIMEOUT_S = 5.0
# Newer drivers know both names and call the second deprecated; older ones only that.
REASONS = ("clocks_event_reasons.active", "clocks_throttle_reasons.active")
# https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html
# 0x1 (idle) and 0x2 (clocks set by an application) hold nothing back that was asked for.
THROTTLING = {
    0x4: "sw_power_cap",
    0x8: "hw_slowdown",
    0x10: "sync_boost",
    0x20: "sw_thermal",
    0x40: "hw_thermal",
    0x80: "hw_power_brake",
}


@dataclass(frozen=True, kw_only=True)
class GpuState:
    """One look at a GPU; None for what its driver does not tell.

    `throttle` names the reasons that are active now. `processes` are those with a compute
    context, this one among them; inside a container some may not be listed.
    """

    clock_mhz: float | None
    throttle: tuple[str, ...] | None
    processes: int | None


def gpu_state(device: torch.device) -> GpuState | None:
    """Ask nvidia-smi about a GPU; None on a CPU and where nvidia-smi gives no answer.

    Takes a process of its own, some tens of milliseconds at least: ask outside a timed window.
    """
    if device.type != "cuda":
        return None
    return ask(_name(device))


def ask(gpu: str) -> GpuState | None:
    """Ask nvidia-smi about the GPU of this UUID or index."""
    for reasons in REASONS:
        told = _nvidia_smi(f"--query-gpu=clocks.sm,{reasons}", gpu)
        if told is not None:
            return parse(told, _nvidia_smi("--query-compute-apps=pid", gpu))
    return None


def parse(clock_and_reasons: str, processes: str | None) -> GpuState | None:
    """Read nvidia-smi's two answers, comma-separated without header or units.

    `processes` is None where that question got no answer.
    """
    clock, comma, reasons = clock_and_reasons.strip().partition(",")
    if not comma:
        return None
    return GpuState(
        clock_mhz=_number(clock),
        throttle=_throttle(reasons.strip()),
        processes=None if processes is None else _count(processes.split("\n")),
    )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:  # "[N/A]", "[Not Supported]"
        return None
    return number if math.isfinite(number) else None


def _throttle(text: str) -> tuple[str, ...] | None:
    try:
        active = int(text, 16)
    except ValueError:
        return None
    return tuple(word for bit, word in THROTTLING.items() if active & bit)


def _count(lines: list[str]) -> int | None:
    """Count the different processes; None where a line is anything but a number."""
    pids = {line.strip() for line in lines} - {""}
    return len(pids) if all(pid.isdecimal() for pid in pids) else None


def _name(device: torch.device) -> str:
    """Give the UUID, which CUDA_VISIBLE_DEVICES does not renumber; else the index."""
    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)
    if uuid is not None:
        return f"GPU-{str(uuid).removeprefix('GPU-')}"
    return str(torch.cuda.current_device() if device.index is None else device.index)


def _nvidia_smi(query: str, gpu: str) -> str | None:
    """Run one query; None where there is no nvidia-smi, or it fails or hangs."""
    command = ("nvidia-smi", query, "--format=csv,noheader,nounits", "-i", gpu)
    try:
        told = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.decode("ascii", "replace") if told.returncode == 0 else None
