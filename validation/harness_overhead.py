"""Compare the phases of a step in a timing set with a training loop written by hand.

    python validation/harness_overhead.py --data-dir ../shared/data --sets 30
    python validation/harness_overhead.py --data-dir data --models cnn_bn resnet \\
        --dataset '{"name": "image_folder", "path": "cifar10"}'

In each set two fresh processes take turns: a member of a timing set as `bench run` times it, and a
plain loop with torch alone, the same network, batch size, threads and settings of the process (how
long OpenMP threads spin, whether freed memory is kept, a core for each thread). Prints for each
phase the ratio of the two, median over rounds, then over sets, with the interval over sets.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.data.shared_images import SharedImages
from bench.execute.child_process import ChildProcess, end_with_parent
from bench.execute.executor import RunContext
from bench.execute.local_executor import forking_context
from bench.execute.timing_set import Finish, Turn, WarmUp, turns
from bench.measure.machine import core_count
from bench.measure.openmp_spin import spin_variables
from bench.stats.estimates import bootstrap_median
from bench.study.runs import Run
from bench.study.spec import Cell, DatasetChoice, Timing

PHASES = ("data", "forward", "backward", "optimizer", "step")
TIMING = Timing(sets=1, epochs=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--sets", type=int, default=30)
    parser.add_argument("--dataset", type=yaml.safe_load, default="mnist", help="as in a study")
    parser.add_argument("--models", nargs="+", default=["convnet", "lenet5"])
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[64, 512])
    parser.add_argument("--threads", type=int, default=core_count())
    options = parser.parse_args()
    print(f"harness over hand-written loop, {options.sets} sets")
    choice = DatasetChoice.model_validate(options.dataset)
    choice.source().fetch(options.data_dir, lambda what, done, total: None)
    location = choice.source().locate(options.data_dir)
    for model in options.models:
        for batch_size in options.batch_sizes:
            given = Cell(
                model=model,
                batch_size=batch_size,
                dataset=choice,
                device="cpu",
                threads=options.threads,
            )
            cell = given.resolved(None, model=given.model.for_data(location.shape))
            with closing(SharedImages()) as shared:
                key = (choice.label, cell.normalisation)
                context = RunContext(
                    options.data_dir,
                    shared_images=shared.paths([key]),
                    data_dirs={choice.label: location.folder},
                )
                found = [_set(cell, context, number) for number in range(options.sets)]
            ratios = [bootstrap_median([logs[phase] for logs in found]) for phase in PHASES]
            cells = [
                f"{phase} " + " ".join(f"{np.exp(x or 0):.3f}" for x in (r.value, r.low, r.high))
                for phase, r in zip(PHASES, ratios, strict=True)
            ]
            print(f"{model} {batch_size}: {'; '.join(cells)}", flush=True)


def _set(cell: Cell, context: RunContext, number: int) -> dict[str, float]:
    """Return log(harness / loop) of each phase in one set, the median over rounds."""
    run = Run("harness", "block", "overhead", cell, 0, timing=TIMING, is_detailed=False)
    forking, variables = forking_context(), spin_variables()
    targets = (_harness, _loop)
    with ExitStack() as stack:
        pair = [
            stack.enter_context(closing(ChildProcess(forking, t, (run, context), variables)))
            for t in targets
        ]
        schedule = turns(2, TIMING, f"overhead {number}", time.perf_counter(), is_detailed=False)
        member, command = next(schedule)
        rounds: list[list[dict[str, float]]] = [[], []]
        try:
            while True:
                pair[member].resume()
                pair[member].send(command)
                seconds, phases = pair[member].receive()
                if not isinstance(command, Finish):
                    pair[member].stop()
                if isinstance(command, Turn):
                    rounds[member].append(phases)
                member, command = schedule.send(seconds)
        except StopIteration:
            pass
    return {
        phase: float(np.median([np.log(a[phase] / b[phase]) for a, b in zip(*rounds, strict=True)]))
        for phase in PHASES
    }


def _harness(connection: Connection, run: Run, context: RunContext) -> None:
    """Obey as a member of a timing set does; reply with the phases of each turn too."""
    from bench.execute.set_member import SetMember

    end_with_parent()
    member = SetMember(run, context)
    while isinstance(reply := member.obey(connection.recv()), float):
        samples = member._timing.timer.samples if member._timing else []
        phases = {sample.phase: sample.seconds for sample in samples[-len(PHASES) :]}
        connection.send((reply, phases))
    connection.send((0.0, {}))


def _loop(connection: Connection, run: Run, context: RunContext) -> None:
    """Train as a script would, reading the clock between the phases."""
    import torch
    import torch.nn.functional as F

    from bench.execute.components import build_network
    from bench.measure.allocator import set_allocator
    from bench.measure.counters import Proc
    from bench.measure.thread_affinity import busiest_threads, cores_apart

    end_with_parent()
    connection.recv()
    set_allocator(run.cell.allocator)
    torch.set_num_threads(int(run.cell.threads))
    torch.manual_seed(0)
    dataset = run.cell.dataset
    images = dataset.source().read(context.data_dirs[dataset.label])
    x = torch.from_numpy(np.array(images.train_images)).float().div_(255)
    x -= torch.tensor(images.mean)[:, None, None]
    x /= torch.tensor(images.std)[:, None, None]
    y = torch.from_numpy(np.array(images.train_labels)).long()
    model = build_network(run.cell, images.shape)
    criterion = getattr(model, "loss", F.cross_entropy)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    model.train()
    size, clock = run.cell.batch_size, time.perf_counter
    order = torch.randperm(len(x))
    position = 0

    def step() -> tuple[float, ...]:
        nonlocal order, position
        if position + size > len(x):
            order, position = torch.randperm(len(x)), 0
        t0 = clock()
        index = order[position : position + size]
        position += size
        inputs, targets = x[index], y[index]
        t1 = clock()
        optimizer.zero_grad()
        t2 = clock()
        loss = criterion(model(inputs), targets)
        t3 = clock()
        loss.backward()
        t4 = clock()
        optimizer.step()
        t5 = clock()
        return t1 - t0, t3 - t2, t4 - t3, t5 - t4, t5 - t2

    connection.send((0.0, {}))
    threads: Sequence[int] = ()
    while True:
        command = connection.recv()
        match command:
            case WarmUp():
                before = Proc().ran_ns()
                step_s = _median([step() for _ in range(10)])["step"]
                threads = busiest_threads(before, Proc().ran_ns(), torch.get_num_threads())
                connection.send((step_s, {}))
            case Turn(steps, discarded):
                with cores_apart(threads):
                    for _ in range(discarded):
                        step()
                    timed = _median([step() for _ in range(steps)])
                connection.send((0.0, timed))
            case _:
                connection.send((0.0, {}))
                return


def _median(steps: Sequence[tuple[float, ...]]) -> dict[str, float]:
    return dict(zip(PHASES, np.median(steps, axis=0).tolist(), strict=True))


if __name__ == "__main__":
    main()
