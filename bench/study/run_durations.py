"""Estimated durations of runs: as long as before, or a rough count where they never ran."""

import statistics
from collections import defaultdict
from collections.abc import Iterable

from bench.records import OutcomeSummary
from bench.study.runs import Run

# Training images per second on one core of a 2020s server, reference network, fp32. Only for the
# first estimate on a new machine, which is shown as rough.
ROUGH_IMAGES_PER_S_PER_CORE = 7_500
ROUGH_GPU_IMAGES_PER_S = 500_000
EVALUATION_SHARE = 0.1  # of a training epoch's time: a sixth of the images, forward only
TRAIN_IMAGES = 60_000
START_S = 1.0
WARMUP_STEPS = 15
STEPS_PER_ROUND = 2
COST_STEPS = 5


class DurationEstimator:
    """Estimates wall seconds; `is_rough` once a run had no earlier run to go by."""

    def __init__(self, known: Iterable[OutcomeSummary], cores: int) -> None:
        self._cores = cores
        self.is_rough = False
        walls: dict[tuple[str, str], list[float]] = defaultdict(list)
        for outcome in known:
            if outcome.status == "ok":
                walls[outcome.cell_id, outcome.kind].append(outcome.wall_s)
        self._walls = {key: statistics.median(seconds) for key, seconds in walls.items()}

    def seconds(self, run: Run) -> float:
        """Return a run's estimated wall time."""
        if run.cell.skip is not None:
            return 0.0
        for kind in (run.kind, "tuning") if run.kind == "trial" else (run.kind,):
            wall_s = self._walls.get((run.cell.cell_id, kind))
            if wall_s is not None:
                return wall_s
        self.is_rough = True
        return self._rough_s(run)

    def _rough_s(self, run: Run) -> float:
        cell = run.cell
        rate = float(ROUGH_IMAGES_PER_S_PER_CORE) * min(int(cell.threads), self._cores)
        if cell.device.startswith("cuda"):
            rate = float(ROUGH_GPU_IMAGES_PER_S)
        if cell.loader.name == "dataloader":
            rate /= 2
        match run.kind:
            case "trial" | "tuning":
                epochs, steps = float(cell.epochs), 0
            case "cost":
                epochs, steps = 0.0, COST_STEPS
            case "block":
                rounds, epochs = (run.timing.rounds, run.timing.epochs) if run.timing else (0, 0)
                steps = WARMUP_STEPS + STEPS_PER_ROUND * rounds
        images = epochs * TRAIN_IMAGES * (1 + EVALUATION_SHARE) + steps * cell.batch_size
        return START_S + images / rate
