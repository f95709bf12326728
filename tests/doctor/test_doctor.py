"""What `bench doctor` sees, on machines made up for it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench import doctor
from bench.cli import app
from bench.data.torchvision_sets import TorchvisionSource
from bench.doctor import Finding, Paths
from bench.errors import DataError
from bench.measure.counters import Jiffies, Reading
from bench.measure.gpu_state import GpuState
from bench.measure.machine import Machine

MACHINE = Machine("a CPU", 8, 2**34, "an OS", (), "no CUDA device: made up", (("torch", "2"),))
QUIET = Reading(
    wall_s=0.0, own_s=0.0, children_s=0.0, involuntary_switches=0,
    jiffies=Jiffies(0, 0, 0), pressure_us=0,
)  # fmt: skip


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "data", tmp_path / "results", tmp_path / "proc", tmp_path / "sys")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")


def watched(monkeypatch: pytest.MonkeyPatch, paths: Paths, **after: object) -> Finding:
    """Let a second pass in which the counters grow so."""
    readings = iter([QUIET, replace(QUIET, wall_s=1.0, **after)])
    monkeypatch.setattr(doctor, "read", lambda proc: next(readings))
    monkeypatch.setattr(doctor, "LOAD_WINDOW_S", 0.0)
    return doctor.check_load(paths)


def test_an_idle_machine_is_good(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    found = watched(monkeypatch, paths, jiffies=Jiffies(5, 0, 800))
    assert found.grade == "good"
    assert any(f"keep {busy} cores busy" in found.seen for busy in ("0.0", "0.1"))


def test_other_load_is_a_warning(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    found = watched(monkeypatch, paths, jiffies=Jiffies(200, 0, 800), pressure_us=300_000)
    assert found.grade == "warning"
    assert "other processes keep 2.0 cores busy, tasks waited 30% of the time" in found.seen
    assert "--set base.threads=" in found.hint


def test_steal_time_is_a_warning(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    found = watched(monkeypatch, paths, jiffies=Jiffies(0, 80, 800))
    assert found.grade == "warning"
    assert "the host took 10%" in found.seen


def test_a_system_without_counters_is_reported(
    monkeypatch: pytest.MonkeyPatch, paths: Paths
) -> None:
    assert "not reported" in watched(monkeypatch, paths, jiffies=None).seen


def test_a_quota_is_reported() -> None:
    assert doctor.check_cores(MACHINE).grade == "good"
    found = doctor.check_cores(replace(MACHINE, cores=1, quota=0.5))
    assert found.grade == "warning"
    assert found.seen == "1 of a CPU, with a CPU quota of 0.5"


@pytest.mark.parametrize(
    ("governor", "boost", "grade", "seen"),
    [
        ("performance", "0", "good", "governor performance, boost off"),
        ("performance", "1", "good", "governor performance, boost on"),
        ("powersave", "1", "warning", "governor powersave, boost on"),
        (None, None, "good", "a virtual machine"),
    ],
)
def test_the_clock_is_read(
    governor: str | None, boost: str | None, grade: str, seen: str, paths: Paths
) -> None:
    cpu = paths.sys / "devices/system/cpu"
    if governor and boost:
        write(cpu / "cpu0/cpufreq/scaling_governor", governor)
        write(cpu / "cpufreq/boost", boost)
    found = doctor.check_clock(paths)
    assert found.grade == grade
    assert seen in found.seen


@pytest.mark.parametrize(
    ("floors", "grade", "expected"),
    [
        ({1: 0.01, 8: 0.02}, "good", "up to 1.0% on one thread, by 2.0% on 8"),
        ({1: 0.01, 8: 0.30}, "warning", "threads=1"),
        ({1: 0.20, 8: 0.30}, "warning", "machine is idle"),
    ],
)
def test_noise_comes_with_a_hint(
    floors: dict[int, float], grade: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_noise_floor", floors.__getitem__)
    (found,) = doctor.check_noise(MACHINE)
    assert found.grade == grade
    assert expected in f"{found.seen} {found.hint}"


@pytest.mark.parametrize(
    ("state", "grade", "expected"),
    [
        (GpuState(clock_mhz=1980.0, throttle=(), processes=0), "good", "H200"),
        (GpuState(clock_mhz=1980.0, throttle=(), processes=2), "warning", "used by 2"),
        (GpuState(clock_mhz=900.0, throttle=("hw_thermal",), processes=0), "warning", "hw_thermal"),
        (None, "warning", "no answer"),
    ],
)
def test_a_gpu_is_checked(
    state: GpuState | None, grade: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.measure.gpu_state.query", lambda gpu: state)
    (found,) = doctor.check_gpus(replace(MACHINE, gpus=("H200",), no_cuda=""))
    assert (found.grade, expected in found.seen) == (grade, True)


def test_torch_and_torchvision_that_do_not_match_are_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise DataError("torch 2.13 and torchvision 0.20 are incompatible", hint="both at once")

    monkeypatch.setattr("bench.doctor.import_torchvision", refuse)
    found = doctor.check_software(MACHINE)
    assert (found.grade, found.hint) == ("error", "both at once")


def test_missing_torch_is_an_error() -> None:
    bare = replace(MACHINE, software=(("torch", "absent"),))
    assert doctor.check_software(bare).seen == "not installed"
    assert list(doctor.check_noise(bare)) == []


def test_unmeasurable_noise_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_noise_floor", lambda threads: None)
    (found,) = doctor.check_noise(MACHINE)
    assert (found.grade, "not measured" in found.seen) == ("warning", True)


def test_missing_data_are_good_and_damaged_data_an_error(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = doctor.check_data(paths.data_dir)
    assert found.grade == "good"
    assert "mnist" in found.effect

    def is_truncated(self: TorchvisionSource, data_dir: Path) -> None:
        raise DataError("is truncated", where="a file", hint="get it again")

    monkeypatch.setattr(TorchvisionSource, "missing", lambda self, data_dir: None)
    monkeypatch.setattr(TorchvisionSource, "verify", is_truncated)
    damaged, *_ = doctor.check_data(paths.data_dir)
    assert (damaged.grade, damaged.seen, damaged.hint) == (
        "error", "a file: is truncated", "get it again",
    )  # fmt: skip


def test_disk_and_memory_are_checked(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MIN_FREE_DISK_BYTES", 0)
    assert doctor.check_disk(paths.results).grade == "good"
    monkeypatch.setattr(doctor, "MIN_FREE_DISK_BYTES", 2**70)
    assert doctor.check_disk(paths.results).grade == "warning"
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert doctor.check_disk(paths.results).grade == "error"
    write(paths.proc / "meminfo", "MemTotal: 9 kB\nMemAvailable: 8000000 kB\n")
    assert "8.2 GB free" in doctor.check_memory(paths).seen
    write(paths.proc / "meminfo", "MemAvailable: 1000 kB\n")
    assert doctor.check_memory(paths).grade == "warning"


def test_it_runs_here_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "ROUNDS", 1)
    done = CliRunner().invoke(app, ["doctor", "--json", "--data-dir", str(tmp_path / "data")])
    assert done.exit_code in (0, 1), done.output
    found = {finding["about"] for finding in json.loads(done.stdout)}
    assert {"torch", "cores", "other load", "clock", "noise", "data", "disk", "memory"} <= found
    assert any(about.startswith("GPU") for about in found)
    assert not list(tmp_path.iterdir())


def test_findings_are_printed_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Finding("cores", "good", "2 of a CPU"),
        Finding("torch", "error", "not installed", "nothing can be trained", "pip install torch"),
    ]
    monkeypatch.setattr(doctor, "check_machine", lambda paths: iter(found))
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "good  cores: 2 of a CPU",
        "error  torch: not installed",
        "      effect: nothing can be trained",
        "      hint: pip install torch",
    ]
