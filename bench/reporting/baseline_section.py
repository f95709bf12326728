"""Every cell against the baseline cell: the tables, and what they say in a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.comparisons import ACCURACY, session_noise
from bench.analysis.disturbances import describe_disturbances
from bench.analysis.results import Results
from bench.cell_names import UNCHANGED
from bench.formatting import (
    ACCURACY_VERDICTS,
    EXPLORATORY,
    TIME_VERDICTS,
    format_number,
    format_p,
    format_points,
    format_share,
    plural,
    plural_range,
)
from bench.records import PHASES
from bench.reporting.display_names import display_names, named_apart
from bench.reporting.markdown_text import escape, mark_verdict
from bench.reporting.result_table import BLANK, Column, name_columns
from bench.stats.rank_tests import holm, least_p

SIGNIFICANT = 0.05
OTHER_TIMES = tuple(phase for phase in PHASES if phase != "step")


def baseline_name(tables: Results) -> str:
    """Name in markdown the cell that the others are compared with."""
    label = display_names(tables)[tables.summary["cell_id"].iloc[0]]
    return "the baseline cell" if label == UNCHANGED else f"**{escape(label)}**, the baseline cell"


def headline_columns(tables: Results) -> list[Column]:
    """Compare accuracy and step time of every cell with the baseline cell's."""
    cells, names = _named_cells(tables)
    compared = tables.comparisons.set_index("cell_id")
    noun = "change" if tables.ordered_changes else "cell"
    return _compared_only(names, headlines(compared, cells, noun, step_time_name(tables)))


def phase_columns(tables: Results) -> list[Column]:
    """Compare the time of every other phase."""
    cells, names = _named_cells(tables)
    columns = []
    for phase in OTHER_TIMES:
        rows = _rows(tables, phase)
        if len(rows):
            columns.append(_column(cells, rows, phase, _ratio_and_verdict))
    return _compared_only(names, columns)


def headlines(
    compared: pd.DataFrame, keys: Sequence[str], noun: str, step_time: str
) -> list[Column]:
    """Tell accuracy and step time of what is compared, a row a key.

    `compared` has the columns of comparisons.csv and the keys as its index; `noun` is what people
    call a row.
    """
    columns = []
    for measure, heading, unit in (
        (ACCURACY, "test accuracy, difference (points)", "seed"),
        ("step", f"{step_time}, ratio", "timing block"),
    ):
        rows = compared[compared["measure"] == measure]
        if rows.empty:
            continue
        say = difference_text if measure == ACCURACY else ratio_text
        floors = {_floor(row) for row in rows.to_dict("records")}
        (floor,) = floors if len(floors) == 1 else ("",)
        holm_note = f"rank test, over {plural(len(rows), noun)}"
        columns += [
            _column(keys, rows, heading, say, plural_range(rows["n"], unit)),
            _column(
                keys, rows, "verdict", _verdict, floor and f"noise floor {floor}", is_verdict=True
            ),
            *([] if floor else [_column(keys, rows, "noise floor", _floor)]),
            _column(keys, rows, "detects", _detects),
            _column(keys, _with_least_p(rows), "p (Holm)", _p, holm_note),
        ]
    return [column for column in columns if any(text != BLANK for text in column.texts)]


def verdict_findings(tables: Results) -> list[str]:
    """Count in markdown the verdicts on the cells."""
    said = []
    for measure, what, words in (
        ("step", step_time_name(tables).capitalize(), TIME_VERDICTS),
        (ACCURACY, "Accuracy", ACCURACY_VERDICTS),
    ):
        counts = _rows(tables, measure)["verdict"].map(dict(words)).value_counts()
        if len(counts):
            told = ", ".join(f"{counts[w]} {w}" for w in words.values() if w in counts)
            said.append(f"**{what}** against {baseline_name(tables)}: {told}.")
    return said


def session_findings(tables: Results) -> list[str]:
    """Say in markdown what to know of the session: its noise, what moved, what was added."""
    said = _noise(tables)
    left_out = tables.comparisons.loc[tables.comparisons["measure"] == "step", "left_out"]
    moved = describe_disturbances(tables.blocks)
    if moved:
        pairs = f"; {plural(int(left_out.sum()), 'pair')} left out" if left_out.sum() else ""
        said.append(f"**The machine moved:** {escape(moved)}{pairs}.")
    outlying, timed = (int(tables.summary[c].sum()) for c in ("outlying_blocks", "step_n"))
    if outlying:
        said.append(
            f"**Outliers:** {outlying} of {plural(timed, 'timing block')} outside Tukey's fences "
            "of their cell, counted like all others: medians bear them."
        )
    extra = tables.blocks[tables.blocks["role"] == "extra"]
    if len(extra):
        said.append(
            f"**Extra timing blocks:** {len(extra)}, {format_number(extra['wall_s'].sum())} s, "
            "where intervals were wide. They narrow medians; verdicts do not look at them."
        )
    return said


def _noise(tables: Results) -> list[str]:
    """Say what the session's A/A shows: the noise floor, and what can be found above it."""
    noise = session_noise(tables.comparisons)
    if noise is None:
        return []
    if noise.detects is None:
        return ["**Noise of the session:** not known, too few timing blocks (exploratory)."]
    return [
        f"**Noise of the session:** floor {format_share(noise.floor)} of a step's time "
        f"(the baseline cell against itself); {plural(noise.n, 'timing block')} find changes from "
        f"{format_share(noise.detects)} on."
    ]


def step_time_name(tables: Results) -> str:
    """Name what is compared of a step: times are by image, which shows where batches differ."""
    one_size = tables.trials["batch_size"].nunique() == 1
    return "time of a step" if one_size else "time of a step per image"


def _rows(tables: Results, measure: str) -> pd.DataFrame:
    rows = tables.comparisons[tables.comparisons["measure"] == measure]
    return rows.set_index("cell_id")


def _column(
    keys: Sequence[str],
    rows: pd.DataFrame,
    heading: str,
    say: Any,
    note: str = "",
    *,
    is_verdict: bool = False,
) -> Column:
    """Write a text for every key; a blank for those without a comparison."""
    told = {key: say(row) for key, row in zip(rows.index, rows.to_dict("records"), strict=True)}
    texts = [told.get(key, BLANK) for key in keys]
    return Column(heading, note, texts, not is_verdict, is_verdict)


def _named_cells(tables: Results) -> tuple[list[str], list[Column]]:
    """List the cells to compare, and the columns that name them.

    Those of a one-at-a-time study are named by what they change, and the one whose change costs
    most accuracy comes first.
    """
    changes = tables.ordered_changes
    if changes:
        names = [change.name for change in changes.values()]
        return list(changes), [Column("change", "", names, is_number=False)]
    cell_ids = list(named_apart(tables.summary)["cell_id"])
    return cell_ids, name_columns(cell_ids, tables.summary)


def _compared_only(names: Sequence[Column], columns: Sequence[Column]) -> list[Column]:
    """Put the names first; leave out the rows of which nothing is compared."""
    if not columns:
        return []
    rows = zip(*(column.texts for column in columns), strict=True)
    kept = [any(text != BLANK for text in row) for row in rows]
    return [
        replace(c, texts=[t for t, k in zip(c.texts, kept, strict=True) if k])
        for c in (*names, *columns)
    ]


def ratio_text(row: Mapping[Any, Any]) -> str:
    """Write a ratio of times with its interval."""
    text = format_number(row["ratio"], row["low"], row["high"])
    return text if pd.notna(row["low"]) else f"{text} {EXPLORATORY}"


def difference_text(row: Mapping[Any, Any]) -> str:
    """Write a difference of accuracies in percentage points with its interval."""
    low, high = (100 * (row[limit] - 1) * row["before"] for limit in ("low", "high"))
    text = format_points(100 * row["difference"], low, high)
    return f"{text} {EXPLORATORY}" if pd.isna(low) else text


def _verdict(row: Mapping[Any, Any]) -> str:
    """Write a verdict in markdown, and how much more would decide an open one."""
    word = _word(row)
    if row["verdict"] != "INCONCLUSIVE" or pd.isna(row["further"]):
        return word
    unit = "seed" if row["measure"] == ACCURACY else "block"
    return f"{word} ({plural(int(row['further']), f'more {unit}')})"


def _ratio_and_verdict(row: Mapping[str, Any]) -> str:
    return f"{ratio_text(row)} {_word(row)}"


def _word(row: Mapping[Any, Any]) -> str:
    """Write a verdict's word in markdown."""
    words = ACCURACY_VERDICTS if row["measure"] == ACCURACY else TIME_VERDICTS
    return mark_verdict(row["verdict"], words[row["verdict"]])


def _with_least_p(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the least p that each row could have had, corrected as p itself is."""
    return rows.assign(least_p=holm(np.array([least_p(int(n)) for n in rows["n"]])))


def _p(row: Mapping[str, Any]) -> str:
    """Write the second opinion: p of the exact rank test, corrected for the number of rows.

    A blank where no result could have reached 0.05.
    """
    p = row["p_value"]
    if pd.isna(p) or row["least_p"] > SIGNIFICANT:
        return BLANK
    return format_p(p)


def _floor(row: Mapping[Any, Any]) -> str:
    if row["measure"] == ACCURACY:
        return f"{100 * row['floor'] * row['before']:.2f} points"
    return format_share(row["floor"])


def _detects(row: Mapping[str, Any]) -> str:
    if pd.isna(row["mde"]):
        return BLANK
    if row["measure"] == ACCURACY:
        return f"{100 * row['mde'] * row['before']:.2f} points"
    return format_share(row["mde"])
