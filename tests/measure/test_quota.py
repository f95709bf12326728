"""The CPU quota of a container or control group is found, in both versions of control groups."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.measure import machine
from bench.measure.machine import core_count, cpu_quota, this_machine

Quota = Callable[..., float | None]


@pytest.fixture
def quota(tmp_path: Path) -> Quota:
    """Return the quota of a process in these groups, where these files stand."""

    def of(groups: str, **files: str) -> float | None:
        for name, text in {"proc/self/cgroup": groups, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii")
        return cpu_quota(tmp_path / "proc", tmp_path / "sys")

    return of


V1 = "4:memory:/m\n2:cpu,cpuacct:/docker/abc\n0::/\n"
OLD = "sys/fs/cgroup/cpu,cpuacct"


@pytest.mark.parametrize(
    ("text", "cores"),
    [("50000 100000\n", 0.5), ("200000 100000\n", 2.0), ("max 100000\n", None), ("x\n", None)],
)
def test_version_2_in_a_container(quota: Quota, text: str, cores: float | None) -> None:
    assert quota("0::/\n", **{"sys/fs/cgroup/cpu.max": text}) == cores


def test_version_2_below_the_root_the_least_limit_of_all_groups_counts(quota: Quota) -> None:
    files = {
        "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
        "sys/fs/cgroup/a/b/c/cpu.max": "400000 100000\n",
    }
    assert quota("0::/a/b/c\n", **files) == 1.5


@pytest.mark.parametrize("folder", [f"{OLD}/docker/abc", OLD, "sys/fs/cgroup/cpu/docker"])
def test_version_1_wherever_the_group_is_mounted(quota: Quota, folder: str) -> None:
    files = {f"{folder}/cpu.cfs_quota_us": "50000\n", f"{folder}/cpu.cfs_period_us": "100000\n"}
    assert quota(V1, **files) == 0.5


def test_version_1_without_a_limit(quota: Quota) -> None:
    files = {f"{OLD}/cpu.cfs_quota_us": "-1\n", f"{OLD}/cpu.cfs_period_us": "100000\n"}
    assert quota(V1, **files) is None


def test_another_controllers_group_does_not_count(quota: Quota) -> None:
    files = {"sys/fs/cgroup/cpu/m/cpu.cfs_quota_us": "1\n"}
    files |= {"sys/fs/cgroup/cpu/m/cpu.cfs_period_us": "2\n"}
    assert quota(V1, **files) is None


def test_a_system_without_control_groups_has_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path, tmp_path) is None


@pytest.mark.parametrize(
    ("limit", "threads", "seen"), [(0.5, 1, 0.5), (1.0, 1, 1.0), (2.7, 2, 2.7), (9.0, 4, None)]
)
def test_the_quota_decides_how_many_threads_auto_means(
    monkeypatch: pytest.MonkeyPatch, limit: float, threads: int, seen: float | None
) -> None:
    monkeypatch.setattr(machine, "cpu_quota", lambda: limit)
    monkeypatch.setattr(machine, "usable_cores", lambda: [0, 1, 2, 3])
    assert core_count() == threads
    found = this_machine()
    assert (found.cores, found.quota) == (threads, seen)
    assert ("quota" in found.fingerprint()["machine"]) == (seen is not None)
