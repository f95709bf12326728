"""The machine and its software, detected without importing torch.

Sources for CPU quotas: https://docs.kernel.org/admin-guide/cgroup-v2.html (`cpu.max`) and, for
version 1, https://docs.kernel.org/scheduler/sched-bwc.html (`cpu.cfs_quota_us`).
"""

import ctypes
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from bench import __version__
from bench.import_graph import source_file
from bench.measure.environment_variables import relevant_variables
from bench.measure.git_commands import call_git

# Packages that affect a run's results; those that only reports use are left out.
PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn")
CFS = ("cpu.cfs_quota_us", "cpu.cfs_period_us")  # of control groups version 1
VARIABLE = "variable "  # prefix of a variable's name in a fingerprint


@dataclass(frozen=True)
class Machine:
    """Hardware, software and environment variables that results depend on.

    `cores` is the number of threads that can run at once; `quota` is the CPU time limit in cores,
    None without a limit. `no_cuda` is the reason why `gpus` is empty.
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
        """Return the parts that must be equal for results to be comparable."""
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        quota = "" if self.quota is None else f", quota {self.quota:g}"
        return {
            "machine": " | ".join((self.cpu, cores + quota, *self.gpus)),
            "software": " ".join(f"{name}={version}" for name, version in self.software),
            **{f"{VARIABLE}{name}": value for name, value in self.variables},
        }

    def describe(self) -> dict[str, Any]:
        """Return the content of environment.json: machine, software, variables."""
        machine = asdict(self)
        software = {"bench": __version__, **dict(machine.pop("software"))}
        variables = dict(machine.pop("variables"))
        return {"machine": machine, "software": software, "variables": variables}


def this_machine() -> Machine:
    """Return this machine; touches no device and starts no thread."""
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
    """Return the indices of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def core_count() -> int:
    """Return how many threads can run at once within the CPU quota; at least 1."""
    quota = _quota()
    return len(usable_cores()) if quota is None else max(1, int(quota))


def _quota() -> float | None:
    """Return the CPU quota if it is less than the usable cores."""
    quota = cpu_quota()
    return quota if quota is not None and quota < len(usable_cores()) else None


def commit_here() -> str:
    """Return the commit of the working directory, "-dirty" if changed; empty outside git."""
    head = ("rev-parse", "--verify", "--quiet", "--short=12", "HEAD")
    changes = ("status", "--porcelain", "--untracked-files=no")  # unlike `describe`, locks nothing
    try:
        commit, changed = (call_git(*command, timeout_s=5) for command in (head, changes))
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if commit.returncode or changed.returncode:
        return ""
    return commit.stdout.decode("ascii", "replace").strip() + "-dirty" * bool(changed.stdout)


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
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def _gpus() -> tuple[tuple[str, ...], str]:
    """Return the names of the CUDA driver's GPUs, or the reason why there are none."""
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
    """Return whether torch is a CUDA build, according to its version file."""
    path = source_file("torch.version")
    version = "" if path is None else path.read_text(encoding="utf-8")
    return re.search(r"^cuda\b[^=]*= *'", version, re.MULTILINE) is not None


def cpu_quota(proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> float | None:
    """Return the CPU time limit of this process's control groups in cores; None without one.

    The lowest limit of the group and its ancestors counts. In a container the group's own folder
    may be mounted as the root.
    """
    limits = (_limit(folder) for folder in _folders(proc, sys / "fs/cgroup"))
    return min((limit for limit in limits if limit is not None), default=None)


def _folders(proc: Path, mounted: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups and of their ancestors."""
    try:
        lines = (proc / "self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = ["0::/", "1:cpu:/"]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = PurePosixPath(path.lstrip("/"))
        for root in ("cpu", controllers) if controllers else ("", "unified"):
            yield from (mounted / root / part for part in (group, *group.parents))


def _limit(folder: Path) -> float | None:
    """Return the limit of one group; None without one."""
    try:
        names = ("cpu.max",) if (folder / "cpu.max").exists() else CFS
        quota, period = " ".join((folder / n).read_text(encoding="ascii") for n in names).split()
        cores = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # missing, or "max"
        return None
    return cores if cores > 0 else None  # -1: no limit
