"""Clock, throttling and processes of a GPU, as nvidia-smi reports them.

A subprocess and not NVML in this process, because a wedged driver can hang either, and only a
subprocess can be given a timeout.
"""

import math
import subprocess
from dataclasses import dataclass

import torch

TIMEOUT_S = 5.0
# Older drivers know only the second name, which newer ones deprecate.
REASONS = ("clocks_event_reasons.active", "clocks_throttle_reasons.active")
# https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html
# 0x1 (idle) and 0x2 (application clocks) are no throttling.
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
    """State of a GPU; None for what its driver does not report.

    `throttle` names the active reasons. `processes` counts those with a compute context, this one
    included; in a container some may be missing.
    """

    clock_mhz: float | None
    throttle: tuple[str, ...] | None
    processes: int | None


def gpu_state(device: torch.device) -> GpuState | None:
    """Return the state of a GPU; None on a CPU, or if nvidia-smi fails.

    Starts a subprocess, which takes tens of milliseconds: call it outside a timed window.
    """
    if device.type != "cuda":
        return None
    return query(_name(device))


def query(gpu: str) -> GpuState | None:
    """Return the state of the GPU with this UUID or index; None if nvidia-smi fails."""
    for reasons in REASONS:
        answer = _nvidia_smi(f"--query-gpu=clocks.sm,{reasons}", gpu)
        if answer is not None:
            return parse(answer, _nvidia_smi("--query-compute-apps=pid", gpu))
    return None


def parse(clock_and_reasons: str, processes: str | None) -> GpuState | None:
    """Parse nvidia-smi's answers (CSV without header and units); None if malformed.

    `processes` is None if that query failed.
    """
    clock, comma, reasons = clock_and_reasons.strip().partition(",")
    if not comma:
        return None
    pids = None if processes is None else {line.strip() for line in processes.split("\n")} - {""}
    return GpuState(
        clock_mhz=_number(clock),
        throttle=_throttle(reasons.strip()),
        processes=None if pids is None or not all(map(str.isdecimal, pids)) else len(pids),
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
    return tuple(name for bit, name in THROTTLING.items() if active & bit)


def _name(device: torch.device) -> str:
    """Return the UUID, which CUDA_VISIBLE_DEVICES does not renumber, or else the index."""
    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)
    if uuid is not None:
        return f"GPU-{str(uuid).removeprefix('GPU-')}"
    return str(torch.cuda.current_device() if device.index is None else device.index)


def _nvidia_smi(query: str, gpu: str) -> str | None:
    """Return the answer to one query; None if nvidia-smi is missing, fails or hangs."""
    command = ("nvidia-smi", query, "--format=csv,noheader,nounits", "-i", gpu)
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("ascii", "replace") if done.returncode == 0 else None
