"""Which cells deserve further timing blocks."""

import numpy as np
import pandas as pd


def wide_cells(summary: pd.DataFrame, half_width: float) -> list[str]:
    """List the cells whose step time is known to less than ± `half_width`, the widest first.

    A fraction of the step's time. A cell without an interval is wider than any other; one that
    has no step time at all cannot be narrowed.
    """
    timed = summary[summary["step_n"] > 0]
    width = (timed["step_high"] - timed["step_low"]) / 2 / timed["step_median"]
    widths = width.fillna(np.inf).set_axis(timed["cell_id"])
    wide = widths[widths > half_width].sort_values(ascending=False, kind="stable")
    return list(wide.index)
