"""Compare phases with torch's own Timer, and an empty phase with the smallest step.

    python validation/timer_agreement.py --data-dir ../shared/data

Both time the same network on the same batch with the same threads, in turn, in one process. The
ratio of each pair cancels the drift of the machine. Three times are compared:

- full step: forward, backward and update, as timed in a turn of a timing set and by the Timer;
- forward alone: repeated forward, by the clock of the harness and by the Timer;
- forward in the step, relative to the Timer's forward alone: this shows caches, not clocks. In
  training, backward and the optimizer have just evicted them; in the Timer's loop they are warm.
"""

import argparse
import statistics
import sys
from pathlib import Path

import torch
from torch.utils.benchmark import Timer

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.execute.executor import RunContext
from bench.execute.training_setup import TrainingSetup, set_up_training
from bench.measure.clock import Clock, CpuClock
from bench.measure.phases import StepParts, StepTimer
from bench.study.spec import Cell

SECONDS = 0.5  # per measurement of the Timer
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
            bench = set_up_training(cell, 0, RunContext(options.data_dir), epochs=1000)
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


def _pair(bench: TrainingSetup) -> dict[str, float]:
    """Return one pair's ratios, harness over Timer, and the seconds of a step."""
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
    timer = StepTimer(parts, bench.clock, bench.device)
    timer.warm_up()
    timer.take_turn(ROUNDS)
    median_s = {sample.phase: sample.seconds for sample in timer.samples if not sample.is_warmup}
    step_s = _timer_s("parts.zero_grad(); parts.step(batch)", parts, batch)
    zero_s = _timer_s("parts.zero_grad()", parts, batch)
    warm_s = _timer_s("parts.forward(batch)", parts, batch)
    return {
        "full step": median_s["step"] / (step_s - zero_s),
        "forward alone": _alone_s(parts, batch, bench.clock) / warm_s,
        "forward in the step": median_s["forward"] / warm_s,
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
    """Return the median seconds of repeated forward passes by the clock of the harness."""
    seconds = []
    for _ in range(ROUNDS):
        started_s = clock.now_s()
        parts.forward(batch)
        seconds.append(clock.now_s() - started_s)
    return statistics.median(seconds)


def _empty_phase_s() -> float:
    """Return the seconds of a phase that does nothing: the overhead of the harness."""
    nothing = StepParts(
        batch=lambda: None,
        zero_grad=lambda: None,
        forward=lambda _: 0.0,
        backward=lambda loss: loss,
        update=lambda: None,
    )
    timer = StepTimer(nothing, CpuClock(), torch.device("cpu"))
    timer.take_turn(1000)
    return next(sample.seconds for sample in timer.samples if sample.phase == "backward")


if __name__ == "__main__":
    main()
