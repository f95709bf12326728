"""The section "What a step costs": FLOPs, memory, and what limits the step."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from bench.analysis.bottlenecks import LIMITS, RULE
from bench.formatting import format_number, format_short
from bench.reporting.columns import BLANK, Column, Section, name_columns, with_numbers
from bench.reporting.markdown_text import escape


def cost_section(summary: pd.DataFrame) -> Section:
    """Return the section with the cost of a step; without columns if no cost was measured."""
    cells = summary[summary["step_flops"].notna()]
    if cells.empty:
        return Section("What a step costs", ())
    efficiency = 100 * cells[[f"efficiency_{part}" for part in ("median", "low", "high")]]
    columns = [
        *name_columns(cells["cell_id"], summary),
        _column("FLOPs/image", "forward, backward", cells["flops_per_image"], format_short),
        _column("FLOP/s", "achieved", cells["achieved_flops_per_s"], format_short),
        Column(
            "of the peak (%)",
            "measured matrix product",
            [BLANK if np.isnan(e[0]) else format_number(*e) for e in efficiency.to_numpy(float)],
        ),
        _column("peak memory (MB)", "one step", cells["step_peak_bytes"] / 1e6),
        *(_column(f"{word} (ms)", "alone", 1e3 * cells[f"{word}_bound_s"]) for word in LIMITS),
        Column(
            "bottleneck",
            "",
            [BLANK if pd.isna(word) else f"{word} bound" for word in cells["bottleneck"]],
            is_number=False,
        ),
    ]
    notes = f"The bottleneck is {escape(RULE)}."
    return Section("What a step costs", with_numbers(columns), notes)


def _column(
    heading: str, note: str, values: pd.Series, write: Callable[[float], str] = format_number
) -> Column:
    texts = [BLANK if np.isnan(value) else write(value) for value in values.astype(float)]
    return Column(heading, note, texts)
