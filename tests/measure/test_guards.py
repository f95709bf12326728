"""Guards from made-up /proc files, and from the machine that the tests run on."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.measure import guards as module
from bench.measure.counters import (
    JIFFIES_PER_S,
    Jiffies,
    Proc,
    Reading,
    cpu_over_wall,
    others_cores,
    pressure_share,
    read,
    steal_share,
)
from bench.measure.gpu_state import GpuState
from bench.measure.guards import CALIBRATION_REPEATS, Guards, Watch, calibrate

CPU = torch.device("cpu")
STAT = "cpu  100 20 30 4000 50 6 7 80 90 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1\n"
PRESSURE = "some avg10=0.38 avg60=0.18 avg300=0.28 total=2371027694\nfull avg10=0.00 total=0\n"
START = Reading(
    wall_s=10.0,
    own_s=5.0,
    children_s=7.0,
    involuntary_switches=3,
    jiffies=Jiffies(busy=0, steal=0, total=0),
    pressure_us=0,
)


class Ticks:
    """A clock that a script moves: each timed piece of work takes what is next."""

    def __init__(self, *seconds: float) -> None:
        self.reads = 0
        self._times = iter([t for s in seconds for t in (0.0, s)])

    def now_s(self) -> float:
        self.reads += 1
        return next(self._times)


def proc(root: Path, stat: str | None = STAT, pressure: str | None = PRESSURE) -> Proc:
    (root / "pressure").mkdir(exist_ok=True)
    for name, text in {"stat": stat, "pressure/cpu": pressure}.items():
        if text is not None:
            (root / name).write_text(text, encoding="utf-8")
    return Proc(root)


@pytest.fixture
def small_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CALIBRATION_SIDE", {"cpu": 8})
    monkeypatch.setattr(module, "CALIBRATION_BYTES", {"cpu": 64})


def test_the_first_line_of_stat_is_read_and_guests_are_not_counted_twice(tmp_path: Path) -> None:
    busy = 100 + 20 + 30 + 6 + 7
    assert proc(tmp_path).jiffies() == Jiffies(busy, steal=80, total=busy + 4000 + 50 + 80)


def test_the_total_of_some_is_the_pressure(tmp_path: Path) -> None:
    assert proc(tmp_path).cpu_pressure_us() == 2371027694


def test_absent_files_state_nothing(tmp_path: Path) -> None:
    assert Proc(tmp_path).jiffies() is None
    assert Proc(tmp_path / "nowhere").cpu_pressure_us() is None


ODD = {
    "stat": (
        "cpu",
        "cpu 1 2 3",
        "cpu a b c d e f g h",
        "cpu0 1 2 3 4 5 6 7 8",
        "cpu ² 2 3 4 5 6 7 8",
    ),
    "pressure": ("some", "some total=", "some total=x", "some avg10=1", "some total total=-1"),
    "both": ("", "\n", "cpu -1 2 3 4 5 6 7 8", "full total=5", "é total=5", "total=5"),
}


@pytest.mark.parametrize("text", [text for texts in ODD.values() for text in texts])
def test_odd_files_state_nothing_and_raise_nothing(tmp_path: Path, text: str) -> None:
    odd = proc(tmp_path, stat=text, pressure=text)
    assert odd.jiffies() is None
    assert odd.cpu_pressure_us() is None


def test_a_folder_in_place_of_a_file_states_nothing(tmp_path: Path) -> None:
    (tmp_path / "stat").mkdir()
    assert Proc(tmp_path).jiffies() is None


def test_steal_is_a_share_of_all_cores_time() -> None:
    after = replace(START, wall_s=11.0, jiffies=Jiffies(busy=100, steal=50, total=200))
    assert steal_share(START, after) == 0.25


def test_counters_that_run_backwards_show_nothing() -> None:
    before = replace(START, jiffies=Jiffies(busy=0, steal=9, total=0), pressure_us=9)
    after = replace(START, wall_s=11.0, jiffies=Jiffies(busy=0, steal=8, total=200), pressure_us=8)
    assert steal_share(before, after) == 0.0
    assert pressure_share(before, after) == 0.0


def test_pressure_is_a_share_of_the_wall_time() -> None:
    assert pressure_share(START, replace(START, wall_s=12.0, pressure_us=500_000)) == 0.25


def test_others_cores_are_the_busy_ones_without_our_own() -> None:
    busy = Jiffies(busy=3 * JIFFIES_PER_S, steal=0, total=4 * JIFFIES_PER_S)
    after = replace(START, wall_s=12.0, own_s=6.0, jiffies=busy)
    assert others_cores(START, after) == pytest.approx(1.0)  # 3 s busy, 1 s of it ours, in 2 s
    assert cpu_over_wall(START, after) == 0.5


def test_what_this_process_started_is_no_other() -> None:
    after = replace(START, wall_s=12.0, own_s=5.5, children_s=8.5)
    busy = replace(after, jiffies=Jiffies(busy=3 * JIFFIES_PER_S, steal=0, total=4))
    assert others_cores(START, busy) == pytest.approx(0.5)  # 3 s busy, 2 s of it ours, in 2 s


def test_children_count_with_theirs(tmp_path: Path) -> None:
    def process(pid: str, ticks: str, children: str = "", name: str = "(python)") -> None:
        (tmp_path / pid / "task" / pid).mkdir(parents=True)
        (tmp_path / pid / "stat").write_text(f"{pid} {name} S {'0 ' * 10}{ticks} 20 0\n")
        (tmp_path / pid / "task" / pid / "children").write_text(children)

    process("self", "900 900 900 900", "7 8 9 ")  # 9 has ended by now
    process("7", "100 20 3 0", "10")
    process("8", "0 1 0 0", name="(a (b) c)")
    process("10", "5 0 0 0")
    assert Proc(tmp_path).children_s() == pytest.approx((123 + 1 + 5) / JIFFIES_PER_S)
    assert Proc(tmp_path / "none").children_s() == 0


@pytest.mark.skipif(
    not list(Path("/proc/self/task").glob("*/children")), reason="no list of children here"
)
def test_on_this_machine_a_busy_child_is_ours() -> None:
    begun = read(Proc())
    command = [sys.executable, "-c", "while True: sum(range(10_000))"]
    with subprocess.Popen(command) as child:
        while (at_work := read(Proc())).children_s - begun.children_s < 0.1:
            assert child.poll() is None
        child.kill()
    assert read(Proc()).children_s >= at_work.children_s  # it has ended, and still counts


def test_others_cores_are_not_below_none() -> None:
    """The kernel's ticks are coarser than the process's own time."""
    assert others_cores(START, replace(START, wall_s=11.0, own_s=6.0)) == 0.0


def test_an_empty_window_has_no_shares() -> None:
    shares = (steal_share, pressure_share, others_cores, cpu_over_wall)
    assert [share(START, START) for share in shares] == [None] * 4


def test_without_proc_files_only_the_process_itself_is_reported(
    tmp_path: Path, small_kernel: None
) -> None:
    watch = Watch(CPU, Proc(tmp_path))
    watch.start()
    with watch.turn():
        pass
    reported = watch.stop()
    assert (reported.steal_share, reported.pressure_share, reported.others_cores) == (
        None,
        None,
        None,
    )
    assert reported.involuntary_switches is not None
    assert reported.cpu_over_wall is not None


def test_the_first_run_of_the_fixed_kernel_is_not_counted(small_kernel: None) -> None:
    clock = Ticks(99.0, 5.0, 1.0, 4.0, 2.0, 3.0)
    assert calibrate(CPU, clock) == 3.0
    assert clock.reads == 2 * (1 + CALIBRATION_REPEATS)


def test_the_fixed_kernel_leaves_random_state_gradients_and_threads_alone() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    seconds = calibrate(CPU)
    assert seconds is not None
    assert seconds > 0
    assert torch.equal(state, torch.get_rng_state())
    assert torch.is_grad_enabled()
    assert torch.get_num_threads() == threads


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="no statm on this system")
def test_the_fixed_kernel_gives_its_memory_back() -> None:
    def resident_bytes() -> int:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    calibrate(CPU)
    before = resident_bytes()
    for _ in range(3):
        calibrate(CPU)
    assert resident_bytes() - before < module.CALIBRATION_BYTES["cpu"] // 2


def test_a_machine_without_memory_for_the_kernel_has_no_calibration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(device: torch.device) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(module, "_calibration_kernel", full)
    assert calibrate(CPU) is None


def test_turns_contain_no_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(module, "calibrate", lambda device: calls.append("calibrate"))
    monkeypatch.setattr(module, "gpu_state", lambda device: calls.append("gpu"))

    def reading(proc: Proc) -> Reading:
        calls.append("read")
        return START

    monkeypatch.setattr(module, "read", reading)
    watch = Watch(CPU)
    watch.start()
    for _ in range(2):
        with watch.turn():
            calls.append("work")
    watch.stop()
    turn = ["read", "work", "read"]
    assert calls == ["calibrate", "gpu", *turn, *turn, "gpu", "calibrate"]


def test_without_calibration_only_the_warm_gpu_is_queried(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(module, "calibrate", lambda device: calls.append("calibrate"))
    monkeypatch.setattr(module, "gpu_state", lambda device: calls.append("gpu"))
    watch = Watch(CPU, calibrates=False)
    watch.start()
    calls.append("turns")
    reported = watch.stop()
    assert calls == ["turns", "gpu"]
    assert (reported.calibration_before_s, reported.calibration_after_s) == (None, None)


def guards_of(monkeypatch: pytest.MonkeyPatch, *readings: Reading) -> Guards:
    """Watch turns with these readings, two a turn, without calibration."""
    script = iter(readings)
    monkeypatch.setattr(module, "read", lambda proc: next(script))
    watch = Watch(CPU, calibrates=False)
    watch.start()
    for _ in range(len(readings) // 2):
        with watch.turn():
            pass
    return watch.stop()


def later(wall_s: float, own_s: float = 0.0, busy: int = 0, steal: int = 0) -> Reading:
    """Return a reading so many seconds and ticks after START."""
    jiffies = Jiffies(busy, steal, total=busy + steal)
    more = {"wall_s": START.wall_s + wall_s, "own_s": START.own_s + own_s}
    return replace(START, jiffies=jiffies, involuntary_switches=round(wall_s), **more)


def test_a_watch_sums_its_turns_and_ignores_what_happened_between_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported = guards_of(
        monkeypatch,
        later(0.0),
        later(1.0, own_s=0.5, busy=60, steal=40),
        later(101.0, own_s=50.0, busy=5060, steal=5040),  # others worked for 100 s
        later(104.0, own_s=51.5, busy=5160, steal=5040),
    )
    assert reported.cpu_over_wall == pytest.approx((0.5 + 1.5) / 4)
    assert reported.steal_share == pytest.approx(40 / 200)
    assert reported.involuntary_switches == 1 + 3


def test_a_turn_that_raises_is_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    script = iter([later(0.0), later(2.0, own_s=1.0)])
    monkeypatch.setattr(module, "read", lambda proc: next(script))
    watch = Watch(CPU, calibrates=False)
    with pytest.raises(ZeroDivisionError), watch.turn():
        raise ZeroDivisionError
    assert watch.stop().cpu_over_wall == pytest.approx(0.5)


def test_a_watch_without_turns_has_no_shares() -> None:
    reported = Watch(CPU, calibrates=False).stop()
    shares = (reported.steal_share, reported.pressure_share, reported.cpu_over_wall)
    assert shares == (None, None, None)


def watched(
    monkeypatch: pytest.MonkeyPatch, *states: GpuState | None, processes: int = 1
) -> Guards:
    """Watch no turn, with these answers of the GPU before and after all turns."""
    answers = iter(states)
    monkeypatch.setattr(module, "gpu_state", lambda device: next(answers))
    watch = Watch(CPU, processes=processes)
    watch.start()
    return watch.stop()


def test_of_two_looks_at_the_gpu_the_worse_is_kept(
    monkeypatch: pytest.MonkeyPatch, small_kernel: None
) -> None:
    reported = watched(
        monkeypatch,
        GpuState(clock_mhz=1980.0, throttle=("sw_power_cap",), processes=1),
        GpuState(clock_mhz=1200.0, throttle=("hw_thermal", "sw_power_cap"), processes=3),
    )
    assert reported.gpu_clock_mhz == 1200.0
    assert reported.gpu_throttle == "hw_thermal sw_power_cap"
    assert reported.gpu_others == 2


def test_the_processes_of_the_set_are_no_others(
    monkeypatch: pytest.MonkeyPatch, small_kernel: None
) -> None:
    first, last = (GpuState(clock_mhz=None, throttle=(), processes=n) for n in (1, 4))
    assert watched(monkeypatch, first, last, processes=3).gpu_others == 1


def test_one_look_at_the_gpu_is_better_than_none(
    monkeypatch: pytest.MonkeyPatch, small_kernel: None
) -> None:
    reported = watched(monkeypatch, None, GpuState(clock_mhz=None, throttle=(), processes=0))
    assert reported.gpu_clock_mhz is None
    assert reported.gpu_throttle == ""
    assert reported.gpu_others == 0  # a container may hide even this process


def test_a_cpu_has_no_gpu_guards(small_kernel: None) -> None:
    watch = Watch(CPU)
    watch.start()
    reported = watch.stop()
    assert (reported.gpu_clock_mhz, reported.gpu_throttle, reported.gpu_others) == (
        None,
        None,
        None,
    )


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="no /proc/stat on this system")
def test_on_this_machine_a_window_of_work_shows_our_own_time(small_kernel: None) -> None:
    watch = Watch(CPU)
    watch.start()
    with watch.turn():
        begun = read(Proc())
        while read(Proc()).own_s - begun.own_s < 0.1:  # until it has worked for long enough
            sum(range(10_000))
    reported = watch.stop()
    assert reported.cpu_over_wall is not None
    assert reported.cpu_over_wall > 0
    assert reported.others_cores is not None
    assert reported.others_cores >= 0
    assert reported.steal_share is None or 0 <= reported.steal_share <= 1
    assert reported.pressure_share is None or reported.pressure_share >= 0


@pytest.mark.cuda
def test_on_a_gpu_the_fixed_kernel_gives_its_memory_back() -> None:
    device = torch.device("cuda")
    calibrate(device)
    before = torch.cuda.memory_reserved(device)
    assert calibrate(device) is not None
    assert torch.cuda.memory_reserved(device) == before


@pytest.mark.cuda
def test_on_a_gpu_a_window_is_watched() -> None:
    watch = Watch(torch.device("cuda"))
    watch.start()
    reported = watch.stop()
    assert reported.calibration_before_s is not None
    assert reported.calibration_after_s is not None
