"""Read-only checks of whether this machine can give reliable timings, with hints how to fix it."""

import math
import os
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from bench.analysis.disturbances import OTHERS, PRESSURE, STEAL
from bench.data import NAMED_DATASETS
from bench.errors import DataError
from bench.measure.counters import Proc, others_cores, pressure_share, read, steal_share
from bench.measure.machine import Machine, core_count, this_machine
from bench.measure.openmp_spin import spin_variables
from bench.stats.estimates import MIN_FOR_INTERVAL
from bench.stats.verdicts import noise_floor
from bench.study.dataset_choice import DatasetChoice
from bench.torchvision_import import import_torchvision

# good: nothing to do. warning: timings are worse than they could be. error: something is broken.
Grade = Literal["good", "warning", "error"]

LOAD_WINDOW_S = 1.0
ROUNDS = 8  # of the calibration kernel in a timing set
MAX_NOISE_FLOOR = 0.05  # beyond, a change of 10% is hard to detect
MAX_NOISE_RATIO = 2.0  # of all cores to one
MIN_FREE_DISK_BYTES = 2 * 2**30
MIN_FREE_MEMORY_BYTES = 2 * 2**30
DISTURBED = "timing sets are marked as disturbed and excluded from verdicts"


@dataclass(frozen=True)
class Finding:
    """The result of a check: what was seen, its effect on results, and how to fix it."""

    about: str
    grade: Grade
    seen: str
    effect: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Paths:
    """Folders to check, and where the kernel's files are."""

    data_dir: Path
    results: Path
    proc: Path = Path("/proc")
    sys: Path = Path("/sys")


def check_machine(paths: Paths) -> Iterator[Finding]:
    """Run all checks."""
    machine = this_machine()
    yield check_software(machine)
    yield check_cores(machine)
    yield check_load(paths)
    yield check_clock(paths)
    yield from check_noise(machine)
    yield from check_gpus(machine)
    yield from check_data(paths.data_dir)
    yield check_disk(paths.results)
    yield check_memory(paths)


def check_software(machine: Machine) -> Finding:
    """Check whether torch is installed, with a matching torchvision."""
    versions = dict(machine.software)
    if versions["torch"] == "absent":
        hint = "pip install --upgrade torch torchvision"
        return Finding("torch", "error", "not installed", "nothing can be trained", hint)
    try:
        import_torchvision()
    except DataError as error:
        effect = "torchvision's models and `loader: dataloader` don't work; everything else does"
        return Finding("torch", "error", error.what, effect, error.hint)
    return Finding(
        "torch", "good", f"{versions['torch']} with torchvision {versions['torchvision']}"
    )


def check_cores(machine: Machine) -> Finding:
    """Check for a CPU quota."""
    seen = f"{machine.cores} of {machine.cpu}"
    if machine.quota is not None:
        seen += f", with a CPU quota of {machine.quota:g}"
        effect = "a process that exceeds its quota is paused, which distorts timings"
        hint = "raise the container's CPU limit to an integer number of cores, or remove it"
        return Finding("cores", "warning", seen, effect, hint)
    if (threads := os.environ.get("OMP_NUM_THREADS")) is not None:
        seen += f"; OMP_NUM_THREADS={threads} is set, but a study's `threads` overrides it"
    return Finding("cores", "good", seen)


def check_load(paths: Paths) -> Finding:
    """Check for a moment how busy other processes keep the machine."""
    proc = Proc(paths.proc)
    before = read(proc)
    time.sleep(LOAD_WINDOW_S)
    after = read(proc)
    others, waited, stolen = (f(before, after) for f in (others_cores, pressure_share, steal_share))
    if others is None:
        effect = "disturbed timing sets are not detected"
        return Finding("other load", "warning", "not reported by this system", effect)
    seen = f"other processes keep {others:.1f} cores busy"
    seen += f", tasks waited {waited:.0%} of the time" if waited is not None else ""
    seen += f", the host took {stolen:.0%}" if stolen else ""
    if (stolen or 0) > STEAL:
        return Finding(
            "other load", "warning", seen, DISTURBED, "measure when the host is less busy"
        )
    if others > OTHERS or (waited or 0) > PRESSURE:
        threads = max(1, core_count() - max(1, round(others)))
        effect = "training on all cores slows down more than proportionally"
        hint = f"end them, or leave them a core: --set base.threads={threads}"
        return Finding("other load", "warning", seen, effect, hint)
    return Finding("other load", "good", seen)


def check_clock(paths: Paths) -> Finding:
    """Check the processor's frequency governor and boost."""
    cpu = paths.sys / "devices/system/cpu"
    governors = {_text(p) for p in cpu.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {""}
    boost = {"1": "on", "0": "off"}.get(_text(cpu / "cpufreq/boost"))
    boost = boost or {"0": "on", "1": "off"}.get(_text(cpu / "intel_pstate/no_turbo"))
    if not governors and not boost:
        return Finding("clock", "good", "governor and boost not visible (a virtual machine)")
    seen = f"governor {', '.join(sorted(governors)) or 'unknown'}"
    seen += f", boost {boost}" if boost else ""
    if governors - {"performance"}:
        effect = "the first steps of a timing set run at another clock frequency than the last"
        hint = "sudo cpupower frequency-set -g performance"
        return Finding("clock", "warning", seen, effect, hint)
    varying = "the clock frequency depends on temperature and on the load of other cores"
    return Finding("clock", "good", seen, varying if boost == "on" else "")


def check_noise(machine: Machine) -> Iterator[Finding]:
    """Check the noise floor of a fixed kernel, on one core and on all."""
    if dict(machine.software)["torch"] == "absent":
        return
    single, full = (_noise_floor(threads) for threads in (1, machine.cores))
    if single is None or full is None:
        what = "not measured: not enough memory for the calibration kernel"
        yield Finding("noise", "warning", what)
        return
    seen = f"identical work differs by up to {single:.1%} on one thread"
    seen += f", by {full:.1%} on {machine.cores}" if machine.cores > 1 else ""
    if full > MAX_NOISE_FLOOR and full > MAX_NOISE_RATIO * single:
        effect = "a study on all cores can only detect large changes"
        yield Finding("noise", "warning", seen, effect, "use fewer: --set base.threads=1")
    elif full > MAX_NOISE_FLOOR:
        effect = f"{MIN_FOR_INTERVAL} sets can't detect changes of less than about {2 * full:.0%}"
        hint = "measure when the machine is idle, or use more sets: --set timing.budget=5m"
        yield Finding("noise", "warning", seen, effect, hint)
    else:
        yield Finding("noise", "good", f"{seen} ({MIN_FOR_INTERVAL} timing sets, A/A)")


def _noise_floor(threads: int) -> float | None:
    """Return the noise floor of six timing sets of a fixed kernel; None without memory."""
    log_ratios = [_log_ratio(threads) for _ in range(MIN_FOR_INTERVAL)]
    known = [log_ratio for log_ratio in log_ratios if log_ratio is not None]
    return noise_floor(known, MIN_FOR_INTERVAL, least=0.0) if known == log_ratios else None


def _log_ratio(threads: int) -> float | None:
    """Time the kernel in two fresh processes that take turns; return log(t / t) over rounds."""
    from bench.execute.child_process import ChildProcess
    from bench.execute.local_executor import forking_context

    context, variables = forking_context(), spin_variables()
    rounds: list[list[float | None]] = []
    with ExitStack() as stack:
        pair = [
            stack.enter_context(closing(ChildProcess(context, _time_kernel, (threads,), variables)))
            for _ in range(2)
        ]
        for i in range(ROUNDS):
            seconds: dict[int, float | None] = {}
            for member in (0, 1) if i % 2 else (1, 0):
                pair[member].send(True)
                seconds[member] = pair[member].receive()
            rounds.append([seconds[0], seconds[1]])
        for child in pair:
            child.send(False)
    if any(None in each for each in rounds):
        return None
    return statistics.median(math.log(b / a) for a, b in rounds if a and b)


def _time_kernel(connection: Connection, threads: int) -> None:
    """Time the calibration kernel at each request, until it is the last one."""
    import torch

    from bench.measure.guards import calibrate

    torch.set_num_threads(threads)
    while connection.recv():
        connection.send(calibrate(torch.device("cpu"), repeats=1))


def check_gpus(machine: Machine) -> Iterator[Finding]:
    """Check each GPU for throttling and other processes."""
    if not machine.gpus:
        yield Finding("GPU", "good", machine.no_cuda, "cells with `device: cuda` are skipped")
        return
    from bench.measure.gpu_state import query

    for index, name in enumerate(machine.gpus):
        about, state = f"GPU {index}", query(str(index))
        if state is None:
            effect = "throttling and other processes are not detected"
            yield Finding(about, "warning", f"{name}; no answer from nvidia-smi", effect)
        elif state.processes:
            seen = f"{name}, used by {state.processes} processes"
            yield Finding(about, "warning", seen, DISTURBED, "end them, or choose another GPU")
        elif state.throttle:
            seen = f"{name}, throttled by {', '.join(state.throttle)}"
            yield Finding(about, "warning", seen, "its clock frequency is reduced")
        else:
            yield Finding(about, "good", name)


def check_data(data_dir: Path) -> Iterator[Finding]:
    """Check which data sets are present and intact."""
    present, missing = [], []
    for name in NAMED_DATASETS:
        source = DatasetChoice.model_validate(name).source()
        if source.is_local:
            continue
        if source.missing(data_dir) is not None:
            missing.append(name)
            continue
        try:
            source.verify(data_dir)
            present.append(name)
        except DataError as error:
            effect = f"studies on {name} don't run"
            yield Finding("data", "error", f"{error.where}: {error.what}", effect, error.hint)
    effect = f"{', '.join(missing)}: downloaded on first use" if missing else ""
    yield Finding("data", "good", f"{', '.join(present) or 'none'} in {data_dir}", effect)


def check_disk(results: Path) -> Finding:
    """Check whether results can be written, and the free space."""
    parents = (results.absolute(), *results.absolute().parents)
    folder = next(path for path in parents if path.exists())
    if not os.access(folder, os.W_OK):
        effect = "results can't be stored"
        return Finding("disk", "error", f"{folder} is not writable", effect, "--out DIR")
    free = shutil.disk_usage(folder).free
    seen = f"{free / 1e9:.0f} GB free for {results}"
    if free < MIN_FREE_DISK_BYTES:
        effect = "a study stops if the disk is full; finished runs are kept"
        return Finding("disk", "warning", seen, effect, "free some space, or use --out DIR")
    return Finding("disk", "good", seen)


def check_memory(paths: Paths) -> Finding:
    """Check the free memory."""
    lines = (line.split() for line in _text(paths.proc / "meminfo").splitlines())
    kib = next((int(line[1]) for line in lines if line[:1] == ["MemAvailable:"]), None)
    if kib is None:
        return Finding("memory", "good", "free memory not reported by this system")
    seen = f"{kib * 1024 / 1e9:.1f} GB free"
    if kib * 1024 < MIN_FREE_MEMORY_BYTES:
        effect = "large batches may end as `oom`, or be slow because of swapping"
        return Finding("memory", "warning", seen, effect, "end processes that use much memory")
    return Finding("memory", "good", seen)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
