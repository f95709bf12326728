"""Hold the forward phase against torch's own Timer, and an empty phase against the smallest step.

    python tests/proving/timer_agreement.py --data-dir ../shared/data

Both measure the same network on the same batch with the same threads, in turn, in one process;
what is compared is the ratio of each pair, so that a drift of the machine falls out.
"""

import argparse
import statistics
import sys
from pathlib import Path

import torch
from torch.utils.benchmark import Timer

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.execute.executor import Workplace
from bench.execute.set_up import Bench, set_up
from bench.measure.clock import CpuClock
from bench.measure.phases import StepParts, time_steps
from bench.study.spec import Cell

SECONDS = 0.5  # of the Timer's own, a pair


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    steps_s = []
    for model in ("convnet", "lenet5"):
        for batch_size in (64, 512):
            cell = Cell(model=model, batch_size=batch_size, device="cpu", threads=options.threads)
            bench = set_up(cell, 0, Workplace(options.data_dir), epochs=1000)
            ratios, step_s = _pairs(bench, options.pairs)
            steps_s.append(step_s)
            print(
                f"{model} {batch_size}: forward / Timer {statistics.median(ratios):.4f} "
                f"({min(ratios):.4f} to {max(ratios):.4f}, n = {len(ratios)} pairs)",
                flush=True,
            )
    empty_s = _empty_phase_s()
    print(f"empty phase {1e9 * empty_s:.0f} ns: {empty_s / min(steps_s):.4%} of the smallest step")


def _pairs(bench: Bench, pairs: int) -> tuple[list[float], float]:
    """Give forward over Timer for every pair, and the median step."""
    training = bench.training
    training.model.train()
    batch = next(iter(bench.loader.train()))
    parts = StepParts(
        batch=lambda: batch,
        zero_grad=lambda: training.optimizer.zero_grad(set_to_none=True),
        forward=lambda batch: training.loss(*batch),
        backward=training.backward,
        update=training.update,
    )
    timer = Timer(
        "loss(*batch)",
        globals={"loss": training.loss, "batch": batch},
        num_threads=torch.get_num_threads(),
    )
    ratios, steps_s = [], []
    for _ in range(pairs):
        samples = [s for s in time_steps(parts, bench.clock, bench.device, 30) if not s.is_warmup]
        forward_s = statistics.median(s.seconds for s in samples if s.phase == "forward")
        steps_s.append(statistics.median(s.seconds for s in samples if s.phase == "step"))
        ratios.append(forward_s / timer.blocked_autorange(min_run_time=SECONDS).median)
    return ratios, statistics.median(steps_s)


def _empty_phase_s() -> float:
    """Time phases that do nothing: what is left is the harness's own."""
    nothing = StepParts(
        batch=lambda: None,
        zero_grad=lambda: None,
        forward=lambda _: 0.0,
        backward=lambda _: None,
        update=lambda: None,
    )
    samples = time_steps(nothing, CpuClock(), torch.device("cpu"), 1000)
    return statistics.median(s.seconds for s in samples if s.phase == "backward")


if __name__ == "__main__":
    main()
