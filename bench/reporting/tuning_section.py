"""The section "Tuning": the chosen values, and whether they are at an end of their range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench import cell_names
from bench.analysis.configurations import config_fields
from bench.analysis.results import Results
from bench.analysis.tuning_candidates import (
    MIN_FOR_EDGE,
    candidates,
    named_fields,
    tuned_fields,
)
from bench.cell_names import axis_name, field_name, format_value
from bench.formatting import join_words, plural, plural_range
from bench.reporting.columns import BLANK, Column, Section, accuracy_texts, samples_note
from bench.reporting.markdown_text import escape

AT_EDGE = "at the edge of its range: the best may lie outside"
NO_TRIAL_FINISHED = "no trial finished: the first value was taken"


@dataclass(frozen=True, eq=False)
class Tuned:
    """A study's tuning: its candidates, the tuned fields, and the cells that were tuned.

    `remaining` are the configurations without the tuned fields and `names` their names, both by
    the candidates' column `remaining`.
    """

    candidates: pd.DataFrame
    fields: Sequence[str]
    remaining: Mapping[int, Mapping[Any, Any]]
    names: Mapping[int, str]

    @property
    def chosen(self) -> pd.DataFrame:
        """Return the chosen candidates, one for each tuned cell, in the cells' order."""
        return self.candidates[self.candidates["chosen"]].sort_values("remaining")

    @property
    def unit(self) -> str:
        """Return what a candidate is called."""
        return "value" if len(self.fields) == 1 else "combination"


def tuned_of(results: Results) -> Tuned | None:
    """Return a study's tuning, None if it tuned nothing."""
    named = named_fields(results.tuned)
    fields = [field for field in config_fields(results.tuning) if field in named]
    if results.tuning.empty or not fields:
        return None
    tried = candidates(results.tuning, results.tuned)
    dropped = tuned_fields(results.tuning, results.tuned)
    kept = [field for field in config_fields(results.tuning) if field not in dropped]
    cells = tried.drop_duplicates("remaining").set_index("remaining")
    remaining: dict[int, dict[Any, Any]] = cells[kept].to_dict("index")  # type: ignore[assignment]
    shown = cell_names.naming_fields(list(remaining.values())) or ["model"]
    names = {i: cell_names.name_by_fields(cell, shown) for i, cell in remaining.items()}
    return Tuned(tried, fields, remaining, names)


def tuning_section(results: Results) -> Section:
    """Return the section about tuning; without columns if the study tuned nothing."""
    tuned = tuned_of(results)
    if tuned is None:
        return Section("Tuning", ())
    cells, chosen = list(tuned.remaining.values()), tuned.chosen
    columns = [
        Column(field_name(f), "", [format_value(cell.get(f)) for cell in cells], is_number=False)
        for f in cell_names.naming_fields(cells) or ["model"]
    ]
    columns += [
        Column(axis_name(f), "chosen", [format_value(v) for v in chosen[f]], is_number=False)
        for f in tuned.fields
    ]
    samples = samples_note(chosen["n"], "seed", 2)
    accuracies = accuracy_texts(chosen, "validation_accuracy")
    columns.append(Column("validation accuracy (%)", samples, accuracies))
    columns.append(Column(f"{tuned.unit}s", "tried", _counts(tuned)))
    notes = [_note(tuned, row) for row in chosen.to_dict("records")]
    if any(note != BLANK for note in notes):
        columns.append(Column("note", "", notes, is_number=False))
    rule = "The highest mean is chosen; a value with a failed trial ranks below all others."
    return Section("Tuning", columns, f"{escape(tuning_note(results))} {rule}")


def tuning_note(results: Results) -> str:
    """Describe the images and the seeds that the choice was made on."""
    if results.tuning.empty:
        return ""
    images = results.tuning["validation_images"].dropna().unique()
    held_out = f"{int(images[0]):,} " if len(images) == 1 else ""
    seeds = sorted({int(seed) for seed in results.tuning["seed"]})
    shared = sorted({*seeds} & {int(seed) for seed in results.trials["seed"]})
    overlap = "other than the comparison's"
    if shared:
        overlap = f"of which the comparison uses {', '.join(map(str, shared))} too"
    rounds = sorted(results.tuning["train_share"].dropna().astype(float).unique())
    halving = ""
    if len(rounds) > 1:
        shares = join_words(f"1/{1 / share:.0f}" for share in rounds if share < 1)
        halving = (
            f" By successive halving the values were trained on {shares} of the other training "
            "images, the best third of each round in the next; a value's accuracy is that of its "
            "last round."
        )
    return (
        f"The choice was made on {held_out}training images held out from training, with "
        f"{plural(len(seeds), 'seed')} ({', '.join(map(str, seeds))}), {overlap}; the test set was "
        f"not used.{halving}"
    )


def tuning_findings(results: Results) -> list[str]:
    """Return in markdown what was tuned, and how many choices are at an end of their range."""
    tuned = tuned_of(results)
    if tuned is None:
        return []
    fields = escape(join_words(axis_name(field) for field in tuned.fields))
    sizes = tuned.candidates.groupby("remaining").size()
    tried = plural_range(sizes, tuned.unit)
    cells, edges = len(tuned.remaining), int(tuned.chosen["at_edge"].sum())
    cells_text = "the cell" if cells == 1 else f"each of {cells} cells"
    # Of two values, each is at an edge.
    at_edge = "; no choice is at the edge of its range" if sizes.max() >= MIN_FOR_EDGE else ""
    if edges:
        which = "the choice" if cells == 1 else plural(edges, "choice")
        verb, whose = ("is", "its") if edges == 1 else ("are", "their")
        at_edge = f"; {which} {verb} at the edge of {whose} range, beyond which the best may lie"
    return [f"**Tuned:** {fields}, {tried} for {cells_text}{at_edge}."]


def _counts(tuned: Tuned) -> list[str]:
    """Count each cell's candidates, with the range of a single tuned number."""
    texts = []
    for _, group in tuned.candidates.groupby("remaining"):
        values = group[tuned.fields[0]].dropna()
        ranged = len(tuned.fields) == 1 and pd.api.types.is_numeric_dtype(values) and len(group) > 1
        ends = f" ({format_value(values.min())} to {format_value(values.max())})" if ranged else ""
        texts.append(f"{len(group)}{ends}")
    return texts


def _note(tuned: Tuned, row: Mapping[Any, Any]) -> str:
    """Describe a choice at an end of the range, and candidates with failed trials."""
    if not row["n"]:
        return NO_TRIAL_FINISHED
    notes = []
    if row["at_edge"]:
        which = join_words(axis_name(field) for field in row["edges"])
        notes.append(AT_EDGE if len(tuned.fields) == 1 else f"{which} {AT_EDGE}")
    of_cell = tuned.candidates["remaining"] == row["remaining"]
    failed = int((tuned.candidates.loc[of_cell, "failed"] > 0).sum())
    if failed:
        notes.append(f"{plural(failed, tuned.unit)} with a failed trial")
    return "; ".join(notes) or BLANK
