"""What limits a training step: data, launch, memory or compute."""

import numpy as np
import pandas as pd

LIMITS = ("data", "launch", "memory", "compute")
RULE = (
    "the largest of four times: loading the batch; forward and backward of two images only (on a "
    "GPU the step's time beyond what the GPU alone needs); moving the bytes of the step's "
    "operations at the speed of a large copy; computing their FLOPs at the speed of a large "
    "matrix product"
)


def step_bounds(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the seconds of a step that each limit alone would take, and which is the largest.

    Loading is measured. Launching is the time of two images on a CPU, which hardly compute; on a
    GPU it is the step's time beyond what the GPU alone needs. Bytes and FLOPs are divided by the
    machine's own peaks: the roofline of Williams, Waterman & Patterson (2009), CACM 52(4). No
    bottleneck where a step was not timed or not counted. Columns: `<limit>_bound_s`, bottleneck.
    """
    on_gpu = (cells["step_median"] - cells["device_median"]).clip(lower=0)
    seconds = pd.DataFrame(
        {
            "data": cells["data_median"],
            "launch": on_gpu.fillna(cells["two_images_s"]),
            "memory": cells["step_bytes"] / cells["peak_bytes_per_s"],
            "compute": cells["step_flops"] / cells["peak_flops_per_s"],
        },
        columns=list(LIMITS),
    ).astype(float)
    measured = ["data", "memory", "compute"]  # a compiled network has no launch time
    is_known = cells["step_median"].notna() & seconds[measured].notna().all(axis=1)
    largest = np.asarray(LIMITS)[seconds.fillna(0).to_numpy().argmax(axis=1)]
    bottleneck = pd.Series(largest, index=cells.index).where(is_known)
    return seconds.add_suffix("_bound_s").assign(bottleneck=bottleneck)
