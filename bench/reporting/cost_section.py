"""What a step costs, and what bounds it."""

import numpy as np
import pandas as pd

from bench.analysis.bottlenecks import LIMITS
from bench.formatting import format_number, format_short
from bench.reporting.result_table import BLANK, Column, name_columns


def cost_columns(summary: pd.DataFrame) -> list[Column]:
    """Make the table of costs: FLOPs, how fast they are done, memory, and the bottleneck."""
    measured = summary[summary["step_flops"].notna()]
    if measured.empty:
        return []
    columns = name_columns(measured["cell_id"], summary)
    columns += [
        Column(
            "FLOPs/image", "forward, backward", _texts(measured["flops_per_image"], format_short)
        ),
        Column("FLOP/s", "achieved", _texts(measured["achieved_flops_per_s"], format_short)),
        Column("of the peak (%)", "own matrix product", _efficiency(measured)),
        Column(
            "peak memory (MB)", "one step", _texts(measured["step_peak_bytes"] / 1e6, format_number)
        ),
    ]
    columns += [
        Column(f"{word} (ms)", "alone", _texts(1e3 * measured[f"{word}_bound_s"], format_number))
        for word in LIMITS
    ]
    bottleneck = [BLANK if pd.isna(word) else f"{word} bound" for word in measured["bottleneck"]]
    columns.append(Column("bottleneck", "", bottleneck, is_number=False))
    return [c for c in columns if not c.is_number or any(text != BLANK for text in c.texts)]


def _texts(values: pd.Series, write: object) -> list[str]:
    return [BLANK if np.isnan(v) else write(v) for v in values.astype(float)]  # type: ignore[operator]


def _efficiency(cells: pd.DataFrame) -> list[str]:
    parts = 100 * cells[["efficiency_median", "efficiency_low", "efficiency_high"]].astype(float)
    return [BLANK if np.isnan(e[0]) else format_number(*e) for e in parts.itertuples(index=False)]
