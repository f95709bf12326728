"""How much CPU time the control groups of this process allow it.

Sources: https://docs.kernel.org/admin-guide/cgroup-v2.html (`cpu.max`), and for version 1
https://docs.kernel.org/scheduler/sched-bwc.html (`cpu.cfs_quota_us`, `cpu.cfs_period_us`).
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def cpu_quota(proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> float | None:
    """Return how many cores' time this process may use; None without a limit.

    A group's limit holds for every group below it, so the least of them counts. In a container
    the group's own folder may be mounted as the root.
    """
    limits = (_limit(folder) for folder in _folders(proc, sys / "fs/cgroup"))
    return min((limit for limit in limits if limit is not None), default=None)


def _folders(proc: Path, mounted: Path) -> Iterator[Path]:
    """Yield the folders of the groups that this process is in, and those of the groups above."""
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
    """Return the limit that stands in a group's folder; None where there is none."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii")
                for name in ("quota", "period")
            )
        cores = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # absent, or "max"
        return None
    return cores if cores > 0 else None  # -1: no limit
