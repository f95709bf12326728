"""`bench doctor`: whether this machine can measure well. It styles, and changes nothing."""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.analysis.disturbances import OTHERS, PRESSURE, STEAL
from bench.data import DATASETS
from bench.errors import DataError
from bench.measure.counters import Proc, others_cores, pressure_share, read, steal_share
from bench.measure.machine import Machine, core_count, this_machine
from bench.stats.estimates import MIN_FOR_INTERVAL
from bench.stats.verdicts import noise_floor
from bench.torchvision_import import import_torchvision

# good: nothing to do. mind: numbers are worse than they could be. hint: something does not work.
Grade = Literal["good", "mind", "hint"]

WATCH_S = 1.0
REPEATS = 24  # of the fixed kernel, in neighbouring pairs: as many as twelve blocks
WIDE = 0.05  # a noise floor beyond which 10% can hardly be found
MUCH_WIDER = 2.0
FREE_BYTES = 2 * 2**30
FREE_MEMORY_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """What was looked at and seen, what it does to results, and what mends it."""

    about: str
    grade: Grade
    seen: str
    effect: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Place:
    """What is looked at: two folders, and where the kernel tells of itself."""

    data_dir: Path
    results: Path
    proc: Path = Path("/proc")
    sys: Path = Path("/sys")


def examine(place: Place) -> Iterator[Finding]:
    """Look at everything, one finding after the other."""
    machine = this_machine()
    yield software(machine)
    yield cores(machine)
    yield load(place)
    yield clock_speed(place)
    yield from noise(machine)
    yield from gpus(machine)
    yield from data(place.data_dir)
    yield disk(place.results)
    yield memory(place)


def software(machine: Machine) -> Finding:
    """Say whether torch is there, and whether torchvision fits it."""
    about, installed = "torch", dict(machine.software)
    if not _has_torch(machine):
        hint = "pip install --upgrade torch torchvision"
        return Finding(about, "hint", "not installed", "nothing can be trained", hint)
    try:
        import_torchvision()
    except DataError as error:
        effect = "torchvision's networks and `loader: dataloader` don't work; the rest does"
        return Finding(about, "hint", error.what, effect, error.hint)
    return Finding(
        about, "good", f"{installed['torch']} with torchvision {installed['torchvision']}"
    )


def _has_torch(machine: Machine) -> bool:
    return dict(machine.software)["torch"] != "absent"


def cores(machine: Machine) -> Finding:
    """Report how many cores there are, and whether a quota leaves less of them."""
    about, told = "cores", f"{machine.cores} of {machine.cpu}"
    if machine.quota is not None:
        return Finding(
            about,
            "mind",
            f"{told}, with a CPU quota of {machine.quota:g}",
            "a process that has used up its quota is stopped for a while, which times show",
            "raise the container's CPU limit to a whole number of cores, or remove it",
        )
    requested = os.environ.get("OMP_NUM_THREADS")
    if requested is not None:
        told += f"; OMP_NUM_THREADS={requested} is set, a study's `threads` goes before it"
    return Finding(about, "good", told)


def load(place: Place) -> Finding:
    """Watch for a moment what else keeps the machine busy."""
    about, proc = "other load", Proc(place.proc)
    before = read(proc)
    time.sleep(WATCH_S)
    after = read(proc)
    others, waited = others_cores(before, after), pressure_share(before, after)
    stolen = steal_share(before, after)
    if others is None:
        return Finding(about, "mind", "the system does not tell", "disturbed blocks aren't seen")
    told = f"others keep {others:.1f} cores busy"
    told += f", a task waited {waited:.0%} of the time" if waited is not None else ""
    told += f", {stolen:.0%} was taken by the host" if stolen else ""
    if (stolen or 0) > STEAL:
        effect = "blocks are marked as disturbed and left out of verdicts"
        return Finding(about, "mind", told, effect, "measure when the host is quieter")
    if others > OTHERS or (waited or 0) > PRESSURE:
        return Finding(
            about,
            "mind",
            told,
            "training on all cores slows down far more than in proportion",
            "end it, or leave it a core: --set base.threads="
            f"{max(1, core_count() - max(1, round(others)))}",
        )
    return Finding(about, "good", told)


def clock_speed(place: Place) -> Finding:
    """Read how the processor's clock is governed."""
    about, cpu = "clock", place.sys / "devices/system/cpu"
    governors = {_text(p) for p in cpu.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {""}
    boost = _boost(cpu)
    if not governors and boost is None:
        return Finding(about, "good", "governor and boost can't be seen here (a virtual machine)")
    told = f"governor {', '.join(sorted(governors)) or 'not told'}"
    told += "" if boost is None else f", boost {'on' if boost else 'off'}"
    if governors - {"performance"}:
        return Finding(
            about,
            "mind",
            told,
            "the first steps of a block run at another clock than the last",
            "sudo cpupower frequency-set -g performance",
        )
    if boost:
        effect = "the clock depends on how warm the machine is, and on what its other cores do"
        return Finding(about, "good", told, effect)
    return Finding(about, "good", told)


def _boost(cpu: Path) -> bool | None:
    if told := _text(cpu / "cpufreq/boost"):
        return told == "1"
    if told := _text(cpu / "intel_pstate/no_turbo"):
        return told == "0"
    return None


def noise(machine: Machine) -> Iterator[Finding]:
    """Time a fixed piece of work against itself, on all cores and on one."""
    if not _has_torch(machine):
        return
    one, every = (_floor(threads) for threads in (1, machine.cores))
    if one is None or every is None:
        yield Finding("noise", "mind", "not measured: the fixed work's memory is not to be had")
        return
    told = f"the same work differs by up to {one:.1%} on one thread"
    told += f", by {every:.1%} on {machine.cores}" if machine.cores > 1 else ""
    if every > WIDE and every > MUCH_WIDER * one:
        effect = "a study on all cores can tell large changes only"
        yield Finding("noise", "mind", told, effect, "--set base.threads=1 measures better here")
    elif every > WIDE:
        small = f"{2 * every:.0%} can't be told with {MIN_FOR_INTERVAL} blocks"
        effect = f"changes of less than about {small}"
        hint = "a quieter moment, or more blocks: --set timing.blocks=20"
        yield Finding("noise", "mind", told, effect, hint)
    else:
        yield Finding("noise", "good", f"{told} ({MIN_FOR_INTERVAL} blocks, A/A)")


def _floor(threads: int) -> float | None:
    """Give the noise floor of the fixed kernel for as many blocks as an interval needs."""
    import numpy as np
    import torch

    from bench.measure.guards import calibrate

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        times = [calibrate(torch.device("cpu")) for _ in range(REPEATS)]
    finally:
        torch.set_num_threads(before)
    if None in times:
        return None
    pairs = np.log(np.array(times, dtype=float)).reshape(-1, 2)
    return noise_floor(pairs[:, 1] - pairs[:, 0], MIN_FOR_INTERVAL, least=0.0)


def gpus(machine: Machine) -> Iterator[Finding]:
    """Say which GPUs there are, what holds them back, and who else is on them."""
    if not machine.gpus:
        yield Finding("GPU", "good", machine.no_cuda, "cells with `device: cuda` are skipped")
        return
    from bench.measure.gpu_state import ask

    for index, name in enumerate(machine.gpus):
        about, state = f"GPU {index}", ask(str(index))
        if state is None:
            effect = "throttling and other processes on it aren't seen"
            yield Finding(about, "mind", f"{name}; nvidia-smi gives no answer", effect)
        elif state.processes:
            told = f"{name}, with {state.processes} processes on it"
            effect = "blocks are marked as disturbed and left out of verdicts"
            yield Finding(about, "mind", told, effect, "end them, or choose another GPU")
        elif state.throttle:
            told = f"{name}, held back by {', '.join(state.throttle)}"
            yield Finding(about, "mind", told, "its clock is not what it could be")
        else:
            yield Finding(about, "good", name)


def data(data_dir: Path) -> Iterator[Finding]:
    """Say which data sets lie there, whole."""
    there, absent = [], []
    for name, source in DATASETS.items():
        if source.embedded:
            continue
        if source.missing(data_dir) is not None:
            absent.append(name)
            continue
        try:
            source.verify(data_dir)
            there.append(name)
        except DataError as error:
            effect = f"a study on {name} is refused"
            yield Finding("data", "hint", f"{error.where}: {error.what}", effect, error.hint)
    told = f"{', '.join(there)} in {data_dir}" if there else f"none in {data_dir}"
    effect = f"{', '.join(absent)}: downloaded when first used" if absent else ""
    yield Finding("data", "good", told, effect)


def disk(results: Path) -> Finding:
    """Say whether results can be written, and how much room there is."""
    folder = next(
        path for path in (results.absolute(), *results.absolute().parents) if path.exists()
    )
    if not os.access(folder, os.W_OK):
        effect = "a study can't keep its results"
        return Finding("disk", "hint", f"{folder} can't be written", effect, "--out DIR")
    free = shutil.disk_usage(folder).free
    told = f"{free / 1e9:.0f} GB free for {results}"
    if free < FREE_BYTES:
        effect = "a study that finds the disk full ends there; what was finished is kept"
        return Finding("disk", "mind", told, effect, "free some space, or --out DIR")
    return Finding("disk", "good", told)


def memory(place: Place) -> Finding:
    """Say how much memory is free."""
    free = _kib(place.proc / "meminfo", "MemAvailable")
    if free is None:
        return Finding("memory", "good", "the system does not tell what is free")
    told = f"{free * 1024 / 1e9:.1f} GB free"
    if free * 1024 < FREE_MEMORY_BYTES:
        effect = "large batches may end as `oom`, or swap and be slow"
        return Finding("memory", "mind", told, effect, "end what holds it")
    return Finding("memory", "good", told)


def _kib(path: Path, name: str) -> int | None:
    words = (line.split() for line in _text(path).splitlines())
    return next((int(w[1]) for w in words if len(w) > 1 and w[0] == f"{name}:"), None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
