"""What nvidia-smi says, from made-up answers and from a stand-in on PATH."""

import os
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.measure import gpu_state as module
from bench.measure.gpu_state import GpuState, gpu_state, parse, query

STUB = """#!{python}
import sys, time
query, _, gpu = sys.argv[1], sys.argv[2], sys.argv[4]
with open({log!r}, "a") as log:
    log.write(query + " " + gpu + chr(10))
{body}
"""


def stub(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    """Put an nvidia-smi on PATH that runs `body`; gives the file that lists its calls."""
    log = folder / "calls"
    program = folder / "nvidia-smi"
    program.write_text(STUB.format(python=sys.executable, log=str(log), body=body))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return log


def test_clock_reasons_and_processes_are_read() -> None:
    assert parse("1980, 0x0000000000000004\n", "41\n42\n") == GpuState(
        clock_mhz=1980.0, throttle=("sw_power_cap",), processes=2
    )


def test_idling_and_set_clocks_are_no_throttling() -> None:
    state = parse("345, 0x0000000000000003", "")
    assert state == GpuState(clock_mhz=345.0, throttle=(), processes=0)


@pytest.mark.parametrize(
    ("mask", "word"),
    [
        ("0x4", "sw_power_cap"),
        ("0x8", "hw_slowdown"),
        ("0x10", "sync_boost"),
        ("0x20", "sw_thermal"),
        ("0x40", "hw_thermal"),
        ("0x80", "hw_power_brake"),
    ],
)
def test_each_documented_bit_has_its_word(mask: str, word: str) -> None:
    state = parse(f"1, {mask}", "")
    assert state is not None
    assert state.throttle == (word,)


def test_several_reasons_are_all_reported_and_unknown_bits_are_not() -> None:
    state = parse("1, 0x0000000000000148", "")
    assert state is not None
    assert state.throttle == ("hw_slowdown", "hw_thermal")


def test_what_the_driver_does_not_report_is_none() -> None:
    nothing = GpuState(clock_mhz=None, throttle=None, processes=None)
    assert parse("[N/A], [Not Supported]", "[Not Supported]") == nothing
    assert parse("[N/A], [N/A]", None) == nothing
    assert parse("nan, none", "[N/A]\n") == nothing


def test_an_answer_without_two_fields_is_none() -> None:
    assert parse("No devices were found", "") is None
    assert parse("", "") is None


def test_a_process_listed_twice_is_one() -> None:
    state = parse("1, 0x0", "41\n41\r\n 42\n")
    assert state is not None
    assert state.processes == 2


@given(st.text(), st.none() | st.text())
def test_no_answer_makes_it_raise(clock_and_reasons: str, processes: str | None) -> None:
    state = parse(clock_and_reasons, processes)
    assert state is None or isinstance(state, GpuState)


def test_the_gpu_is_requested_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "print('41' if 'apps' in query else '1755, 0x0000000000000020')"
    log = stub(tmp_path, monkeypatch, body)
    assert query("GPU-1-2") == GpuState(clock_mhz=1755.0, throttle=("sw_thermal",), processes=1)
    assert log.read_text().splitlines() == [
        "--query-gpu=clocks.sm,clocks_event_reasons.active GPU-1-2",
        "--query-compute-apps=pid GPU-1-2",
    ]


def test_an_older_nvidia_smi_is_requested_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (
        "if 'event_reasons' in query:\n    print('is not a valid field to query.'); sys.exit(2)\n"
        "print('' if 'apps' in query else '1530, 0x0000000000000001')"
    )
    stub(tmp_path, monkeypatch, body)
    assert query("0") == GpuState(clock_mhz=1530.0, throttle=(), processes=0)


def test_processes_that_cannot_be_listed_do_not_hide_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub(tmp_path, monkeypatch, "if 'apps' in query: sys.exit(3)\nprint('1530, 0x1')")
    assert query("0") == GpuState(clock_mhz=1530.0, throttle=(), processes=None)


@pytest.mark.parametrize("body", ["sys.exit(9)", "print('nothing of use')", "sys.exit('broken')"])
def test_an_nvidia_smi_that_fails_states_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    stub(tmp_path, monkeypatch, body)
    assert query("0") is None


def test_an_nvidia_smi_that_hangs_states_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.05)
    stub(tmp_path, monkeypatch, "time.sleep(60)")
    assert query("0") is None


def test_an_answer_that_is_no_text_states_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub(tmp_path, monkeypatch, "sys.stdout.buffer.write(bytes([255, 254, 10]))")
    assert query("0") is None


def test_without_nvidia_smi_nothing_is_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert query("0") is None


def test_a_cpu_is_not_requested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = stub(tmp_path, monkeypatch, "print('1, 0x0')")
    assert gpu_state(torch.device("cpu")) is None
    assert not log.exists()


@pytest.mark.parametrize(
    ("properties", "device", "name"),
    [
        ({"uuid": "6a5b"}, "cuda:0", "GPU-6a5b"),
        ({"uuid": "GPU-6a5b"}, "cuda:0", "GPU-6a5b"),
        ({}, "cuda:3", "3"),
        ({}, "cuda", "7"),
    ],
)
def test_a_gpu_is_named_by_its_uuid_where_torch_knows_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    properties: dict[str, str],
    device: str,
    name: str,
) -> None:
    log = stub(tmp_path, monkeypatch, "print('' if 'apps' in query else '1, 0x0')")
    of_gpu = type("Properties", (), properties)()
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: of_gpu)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 7)
    assert gpu_state(torch.device(device)) == GpuState(clock_mhz=1.0, throttle=(), processes=0)
    assert {line.split()[-1] for line in log.read_text().splitlines()} == {name}


@pytest.mark.cuda
def test_a_real_gpu_reports_its_clock() -> None:
    torch.zeros(1, device="cuda")
    state = gpu_state(torch.device("cuda"))
    assert state is None or state.clock_mhz is None or state.clock_mhz > 0
