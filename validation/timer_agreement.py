"""Hold the forward phase against torch's own Timer, and an empty phase against the smallest step.

    python validation/timer_agreement.py --data-dir ../shared/data

Both measure the same network on the same batch with the same threads, in turn, in one process;
what is compared is the ratio of each pair, so that a drift of the machine falls out. Three times:

- whole step: forward, backward and update, as a timing block and as the Timer time it;
- forward alone: forward again and again, on the harness's clock and on the Timer's;
- forward in the step, over the Timer's forward alone: not the clock's doing but the caches'. In
  training, backward and the optimizer have just swept them; the Timer's loop finds them warm.
"""

import argparse
import statistics
import sys
from pathlib import Path

import torch
from torch.utils.benchmark import Timer

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.execute.executor import RunContext
from bench.execute.training_setup import Bench, set_up
from bench.measure.clock import Clock, CpuClock
from bench.measure.phases import StepParts, time_steps
from bench.study.spec import Cell

SECONDS = 0.5  # of each of the Timer's own
ROUNDS = 40


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
            bench = set_up(cell, 0, RunContext(options.data_dir), epochs=1000)
            pairs = [_pair(bench) for _ in range(options.pairs)]
            steps_s.append(statistics.median(pair.pop("step_s") for pair in pairs))
            for name in pairs[0]:
                ratios = [pair[name] for pair in pairs]
                print(
                    f"{model} {batch_size}, {name}: {statistics.median(ratios):.4f} "
                    f"({min(ratios):.4f} to {max(ratios):.4f}, n = {len(ratios)} pairs)",
                    flush=True,
                )
    empty_s = _empty_phase_s()
    print(f"empty phase {1e9 * empty_s:.0f} ns: {empty_s / min(steps_s):.4%} of the smallest step")


def _pair(bench: Bench) -> dict[str, float]:
    """Give the harness's times over the Timer's, once, and the step's own."""
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
    samples = [s for s in time_steps(parts, bench.clock, bench.device, ROUNDS) if not s.is_warmup]
    median_s = {
        phase: statistics.median(s.seconds for s in samples if s.phase == phase)
        for phase in ("forward", "step")
    }
    step_s = _timer_s("parts.zero_grad(); parts.whole(batch)", parts, batch)
    zero_s = _timer_s("parts.zero_grad()", parts, batch)
    hot_s = _timer_s("parts.forward(batch)", parts, batch)
    return {
        "whole step": median_s["step"] / (step_s - zero_s),
        "forward alone": _alone_s(parts, batch, bench.clock) / hot_s,
        "forward in the step": median_s["forward"] / hot_s,
        "step_s": median_s["step"],
    }


def _timer_s(statement: str, parts: StepParts, batch: object) -> float:
    timer = Timer(
        statement,
        globals={"parts": parts, "batch": batch},
        num_threads=torch.get_num_threads(),
    )
    return timer.blocked_autorange(min_run_time=SECONDS).median


def _alone_s(parts: StepParts, batch: object, clock: Clock) -> float:
    """Time forward again and again between two reads of the harness's clock."""
    seconds = []
    for _ in range(ROUNDS):
        started_s = clock.now_s()
        parts.forward(batch)
        seconds.append(clock.now_s() - started_s)
    return statistics.median(seconds)


def _empty_phase_s() -> float:
    """Time phases that do nothing: what is left is the harness's own."""
    nothing = StepParts(
        batch=lambda: None,
        zero_grad=lambda: None,
        forward=lambda _: 0.0,
        backward=lambda loss: loss,
        update=lambda: None,
    )
    samples = time_steps(nothing, CpuClock(), torch.device("cpu"), 1000)
    return statistics.median(s.seconds for s in samples if s.phase == "backward")


if __name__ == "__main__":
    main()
