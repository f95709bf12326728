"""What was tuned, which values were chosen, and whether they stand at an end of their range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench import cell_names
from bench.analysis.configurations import config_fields
from bench.analysis.results import Results
from bench.analysis.tuning_candidates import candidates, named_fields, tuned_fields
from bench.cell_names import axis_name, field_name, format_value
from bench.formatting import format_percent, join_words, plural, plural_range
from bench.reporting.markdown_text import escape
from bench.reporting.result_table import BLANK, Column

EDGE = "at the edge of its range: the best may lie outside"
NOTHING_ENDED = "no trial ran to its end: the first value was taken"


@dataclass(frozen=True, eq=False)
class Tuned:
    """A study's tuning: its candidates, the fields that were tuned, the remaining cells.

    `remaining` are the configurations without the tuned fields and `names` what to call them,
    both by the candidates' column of that name.
    """

    candidates: pd.DataFrame
    fields: Sequence[str]
    remaining: Mapping[int, Mapping[Any, Any]]
    names: Mapping[int, str]

    @property
    def chosen(self) -> pd.DataFrame:
        """Give the candidates that were taken, one a remaining cell, in its order."""
        return self.candidates[self.candidates["chosen"]].sort_values("remaining")


def tuned_of(tables: Results) -> Tuned | None:
    """Collect what is known of a study's tuning; None where it tuned nothing."""
    named = named_fields(tables.tuned)
    fields = [field for field in config_fields(tables.tuning) if field in named]
    if tables.tuning.empty or not fields:
        return None
    made = candidates(tables.tuning, tables.tuned)
    gone = tuned_fields(tables.tuning, tables.tuned)
    rest = [field for field in config_fields(tables.tuning) if field not in gone]
    cells = made.drop_duplicates("remaining").set_index("remaining")
    remaining: dict[int, dict[Any, Any]] = cells[rest].to_dict("index")  # type: ignore[assignment]
    shown = cell_names.label_fields(list(remaining.values())) or ["model"]
    names = {i: cell_names.label(cell, shown) for i, cell in remaining.items()}
    return Tuned(made, fields, remaining, names)


def tuning_columns(tables: Results) -> list[Column]:
    """Make the tuning's table: one row a remaining cell, with what was chosen for it."""
    tuned = tuned_of(tables)
    if tuned is None:
        return []
    cells, chosen = list(tuned.remaining.values()), tuned.chosen
    columns = [
        Column(field_name(f), "", [format_value(cell.get(f)) for cell in cells], is_number=False)
        for f in cell_names.label_fields(cells) or ["model"]
    ]
    columns += [
        Column(axis_name(f), "chosen", [format_value(v) for v in chosen[f]], is_number=False)
        for f in tuned.fields
    ]
    columns.append(_accuracy(chosen))
    columns.append(Column(_tried(tuned), "tried", _counts(tuned)))
    notes = [_note(tuned, row) for row in chosen.to_dict("records")]
    columns.append(Column("note", "", notes, is_number=False))
    return [c for c in columns if c.heading != "note" or any(text != BLANK for text in c.texts)]


def tuning_note(tables: Results) -> str:
    """Say on what the choice was made, and that the comparison's seeds had no part in it."""
    if tables.tuning.empty:
        return ""
    images = tables.tuning["validation_images"].dropna().unique()
    held_out = f"{int(images[0]):,} " if len(images) == 1 else ""
    seeds = sorted(int(seed) for seed in tables.tuning["seed"].unique())
    shared = sorted({*seeds} & {int(seed) for seed in tables.trials["seed"].unique()})
    listed = ", ".join(str(seed) for seed in seeds)
    others = (
        f"of which the comparison uses {', '.join(str(seed) for seed in shared)} too"
        if shared
        else "other than the comparison's"
    )
    return (
        f"The choice was made on {held_out}training images held out from training, with "
        f"{plural(len(seeds), 'seed')} ({listed}), {others}; the test set had no part in it."
    )


def tuning_findings(tables: Results) -> list[str]:
    """Say in markdown what was tuned, and how many choices stand at an end of their range."""
    tuned = tuned_of(tables)
    if tuned is None:
        return []
    fields = escape(join_words(axis_name(field) for field in tuned.fields))
    cells, edges = len(tuned.remaining), int(tuned.chosen["at_edge"].sum())
    tried = plural_range(tuned.candidates.groupby("remaining").size(), _unit(tuned))
    said = f"**Tuned:** {fields}, {tried} for {'the cell' if cells == 1 else f'each of {cells}'}"
    if cells > 1:
        said += " cells"
    return [f"{said}; {_at_edge(edges, cells)}."]


def _at_edge(edges: int, cells: int) -> str:
    if not edges:
        return "no choice stands at the edge of its range"
    which = "the choice" if cells == 1 else plural(edges, "choice")
    ends = "stands at the edge of its" if edges == 1 else "stand at the edge of their"
    return f"{which} {ends} range, beyond which the best may lie"


def _unit(tuned: Tuned) -> str:
    return "value" if len(tuned.fields) == 1 else "combination"


def _tried(tuned: Tuned) -> str:
    return f"{_unit(tuned)}s"


def _counts(tuned: Tuned) -> list[str]:
    """Count each remaining cell's candidates; of one tuned number say its range too."""
    texts = []
    for _, group in tuned.candidates.groupby("remaining"):
        values = group[tuned.fields[0]].dropna()
        ranged = len(tuned.fields) == 1 and pd.api.types.is_numeric_dtype(values) and len(group) > 1
        ends = f" ({format_value(values.min())} to {format_value(values.max())})" if ranged else ""
        texts.append(f"{len(group)}{ends}")
    return texts


def _accuracy(chosen: pd.DataFrame) -> Column:
    """Write the chosen candidates' validation accuracies, and over how many seeds they are."""
    parts = [f"validation_accuracy_{part}" for part in ("mean", "low", "high")]
    texts = [
        BLANK if pd.isna(e[0]) else format_percent(*e, unit="")
        for e in chosen[parts].astype(float).itertuples(index=False)
    ]
    counts = chosen.loc[chosen["n"] > 0, "n"]
    note = plural_range(counts, "seed") if len(counts) else ""
    if len(counts) and (counts < 2).all():
        note += ", exploratory"
    return Column("validation accuracy (%)", note, texts)


def _note(tuned: Tuned, row: Mapping[Any, Any]) -> str:
    """Say what to know of a choice: an end of the range, trials that did not run to their end."""
    if not row["n"]:
        return NOTHING_ENDED
    said = []
    if row["at_edge"]:
        which = join_words(axis_name(field) for field in row["edges"])
        said.append(EDGE if len(tuned.fields) == 1 else f"{which} {EDGE}")
    own = tuned.candidates[tuned.candidates["remaining"] == row["remaining"]]
    broken = own[own["failed"] > 0]
    if len(broken):
        said.append(f"{plural(len(broken), _unit(tuned))} with a trial that did not run to its end")
    return "; ".join(said) or BLANK
