"""The columns of summary.csv: one row per cell."""

from bench.records import PHASES

# Seconds per pass through a phase, the speed of entire steps, and their fraction of the machine's
# own peak: n counts timing blocks.
BLOCK_MEASURES = (*PHASES, "step_images_per_s", "efficiency")

# From costs.csv, one pass per cell.
COSTS = (
    "flops_per_image",
    "step_flops",
    "step_bytes",
    "step_operations",
    "step_peak_bytes",
    "step_base_bytes",
    "step_device_bytes",
)

# Seconds of a step that each limit alone would take, and which is the largest.
BOUNDS = ("data_bound_s", "launch_bound_s", "memory_bound_s", "compute_bound_s")

# Columns of trials.csv: n counts the seeds that ran to the end.
TRIAL_MEASURES = (
    "images_per_s",
    "train_s",
    "eval_s",
    "time_to_target_s",
    "steps_to_target",
    "peak_memory_bytes",
)

MEASURES = (*BLOCK_MEASURES, *TRIAL_MEASURES)
PARTS = ("median", "low", "high", "n")

SUMMARY_COLUMNS = (
    *(f"{measure}_{part}" for measure in MEASURES for part in PARTS),
    "accuracy_mean",
    "accuracy_low",
    "accuracy_high",
    "accuracy_lower_bound",
    "seeds",
    "parameters",
    *COSTS,
    "achieved_flops_per_s",
    "efficiency",
    *BOUNDS,
    "bottleneck",
    "phases_over_step",
    "epoch_over_steps",
    "step_images",
    "disturbed_blocks",
    "outlying_blocks",
    "status",
    "reason",
)

# Integer columns, besides every `<m>_n`.
COUNTS = ("seeds", "parameters", "step_images", "disturbed_blocks", "outlying_blocks")
