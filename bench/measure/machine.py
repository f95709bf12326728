"""The machine and its software, read without importing torch."""

import ctypes
import os
import platform
import re
import subprocess
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from bench import __version__
from bench.import_graph import source_file
from bench.measure.environment_variables import relevant_variables
from bench.measure.git_commands import call_git
from bench.measure.quota import cpu_quota

# What a run's numbers can depend on; the report's own libraries cannot change them.
PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn")
VARIABLE = "variable "  # before the name of each in a fingerprint


@dataclass(frozen=True)
class Machine:
    """What a run's numbers depend on, and which devices a run can have.

    `cores` are those that this process may use at once; `quota` is the CPU time that it is
    limited to, in cores, None where that is all. `no_cuda` says why `gpus` is empty. `variables`
    are the environment variables that change numbers.
    """

    cpu: str
    cores: int
    memory_bytes: int
    os: str
    gpus: tuple[str, ...]
    no_cuda: str
    software: tuple[tuple[str, str], ...]
    variables: tuple[tuple[str, str], ...] = ()
    quota: float | None = None

    def fingerprint(self) -> dict[str, str]:
        """Give what makes numbers comparable: same fingerprint, same kind of machine."""
        return {
            "machine": " | ".join((self.cpu, self._cores(), *self.gpus)),
            "software": " ".join(f"{name}={version}" for name, version in self.software),
            **{f"{VARIABLE}{name}": value for name, value in self.variables},
        }

    def _cores(self) -> str:
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return cores + ("" if self.quota is None else f", quota {self.quota:g}")

    def describe(self) -> dict[str, Any]:
        """Give the machine and its software as environment.json holds them."""
        described = asdict(self)
        for apart in ("software", "variables"):
            described.pop(apart)
        return {
            "machine": described,
            "software": {"bench": __version__, **dict(self.software)},
            "variables": dict(self.variables),
        }


def this_machine() -> Machine:
    """Look at the machine; touches no device and starts no thread."""
    gpus, no_cuda = _gpus()
    return Machine(
        cpu=_cpu_model(),
        cores=core_count(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        os=_os_name(),
        gpus=gpus,
        no_cuda=no_cuda,
        software=(
            ("python", platform.python_version()),
            *((name, _version(name)) for name in PACKAGES),
        ),
        variables=tuple(relevant_variables().items()),
        quota=_quota(),
    )


def usable_cores() -> list[int]:
    """List the cores that this process may use, by their numbers where the system tells them."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def core_count() -> int:
    """Return how many threads can go on at once without being stopped by a quota; at least 1."""
    quota = _quota()
    return len(usable_cores()) if quota is None else max(1, int(quota))


def _quota() -> float | None:
    """Return the CPU quota where it leaves less than all usable cores."""
    quota = cpu_quota()
    return quota if quota is not None and quota < len(usable_cores()) else None


def commit_here() -> str:
    """Name the commit of the folder that bench was started in; empty where there is none."""
    head = ("rev-parse", "--verify", "--quiet", "--short=12", "HEAD")
    changes = ("status", "--porcelain", "--untracked-files=no")  # unlike `describe`, locks nothing
    try:
        named, changed = (call_git(*asked, timeout_s=5) for asked in (head, changes))
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if named.returncode or changed.returncode:
        return ""
    return named.stdout.decode("ascii", "replace").strip() + "-dirty" * bool(changed.stdout)


def _os_name() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = f"{platform.system()} {platform.release()}"
    return f"{name}, {platform.machine()}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        found = re.search(
            r"^model name\s*:\s*(.+)$", info.read_text(encoding="utf-8"), re.MULTILINE
        )
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _gpus() -> tuple[tuple[str, ...], str]:
    """Ask the CUDA driver for its GPUs; gives their names, or why there are none."""
    if not _torch_has_cuda():
        return (), "the installed torch is built without CUDA"
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return (), "no CUDA device: this machine has no NVIDIA driver"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return (), "no CUDA device: the NVIDIA driver finds none"
    names = []
    for index in range(count.value):
        device, name = ctypes.c_int(), ctypes.create_string_buffer(128)
        driver.cuDeviceGet(ctypes.byref(device), index)
        driver.cuDeviceGetName(name, len(name), device)
        names.append(name.value.decode(errors="replace"))
    return tuple(names), "" if names else "no CUDA device: the NVIDIA driver lists none"


def _torch_has_cuda() -> bool:
    """Read from torch's own version file whether it is a CUDA build."""
    path = source_file("torch.version")
    if path is None:
        return False
    return (
        re.search(r"^cuda\b[^=]*= *'", path.read_text(encoding="utf-8"), re.MULTILINE) is not None
    )
