"""What bounds a training step: data, launch, memory or compute."""

import numpy as np
import pandas as pd

WORDS = ("data", "launch", "memory", "compute")
RULE = (
    "the largest of four times: loading the batch; forward and backward of two images only (on a "
    "GPU what the step takes longer than the GPU alone needs); moving the bytes of the step's "
    "operations at the speed of a large copy; computing their FLOPs at the speed of a large "
    "matrix product"
)


def bounds(cells: pd.DataFrame) -> pd.DataFrame:
    """Give the seconds of a step that each limit alone would take, and the word for the largest.

    Loading is measured. Launching is what two images take on a CPU, which hardly compute; on a
    GPU it is what the step takes longer than the GPU alone needs for it. Bytes and FLOPs are
    held against the machine's own peaks: the roofline of Williams, Waterman & Patterson (2009),
    CACM 52(4). No word where a step was not timed or not counted. Columns: `<word>_bound_s` and
    bottleneck.
    """
    on_gpu = (cells["step_median"] - cells["device_median"]).clip(lower=0)
    seconds = pd.DataFrame(
        {
            "data": cells["data_median"],
            "launch": on_gpu.fillna(cells["two_images_s"]),
            "memory": cells["step_bytes"] / cells["peak_bytes_per_s"],
            "compute": cells["step_flops"] / cells["peak_flops_per_s"],
        },
        columns=list(WORDS),
    ).astype(float)
    measured = ["data", "memory", "compute"]  # a compiled network has no time of launching
    known = cells["step_median"].notna() & seconds[measured].notna().all(axis=1)
    words = np.asarray(WORDS)[seconds.fillna(0).to_numpy().argmax(axis=1)]
    named = seconds.add_suffix("_bound_s")
    return named.assign(bottleneck=pd.Series(words, index=cells.index).where(known))
