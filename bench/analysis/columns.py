"""The columns of summary.csv: one row a cell."""

from bench.records import PHASES

# Seconds a pass through a phase, then the speed of whole steps: n counts timing blocks.
BLOCK_MEASURES = (*PHASES, "step_images_per_s")

# Columns of trials.csv: n counts the seeds that ran to the end.
TRIAL_MEASURES = ("images_per_s", "train_s", "eval_s", "time_to_target_s", "peak_memory_bytes")

MEASURES = (*BLOCK_MEASURES, *TRIAL_MEASURES)
PARTS = ("median", "low", "high", "n")

SUMMARY_COLUMNS = (
    *(f"{measure}_{part}" for measure in MEASURES for part in PARTS),
    "accuracy_mean",
    "accuracy_low",
    "accuracy_high",
    "seeds",
    "parameters",
    "flops_per_image",
    "achieved_flops_per_s",
    "efficiency",
    "status",
    "reason",
)
