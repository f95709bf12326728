"""The candidates of a tuning: validation accuracy, and which one was chosen."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench.analysis.configurations import config_fields
from bench.stats.estimates import mean_accuracy
from bench.stats.selection import best_candidate

MIN_FOR_EDGE = 3  # of two values, each is at an end of its range

# Added by `candidates` to each candidate's configuration.
COLUMNS = (
    *(f"validation_accuracy_{part}" for part in ("mean", "low", "high")),
    *("n", "failed", "chosen", "at_edge", "edges"),
)

Scores = Mapping[str, Sequence[float | None]]


def named_fields(over: Sequence[str]) -> list[str]:
    """Return the columns of a study's tuned fields, which it names by their dotted path."""
    return ["lr" if path == "optimizer.lr" else path for path in over]


def tuned_fields(table: pd.DataFrame, over: Sequence[str]) -> list[str]:
    """Return a table's columns of the tuned fields; of a tuned part, also its parameters."""
    names = {*named_fields(over), *(["lr"] if "optimizer" in over else [])}
    parts = tuple(f"{name}." for name in names)
    return [f for f in config_fields(table) if f in names or f.startswith(parts)]


def candidates(tuning: pd.DataFrame, over: Sequence[str]) -> pd.DataFrame:
    """Return one row per candidate: a remaining cell with one value of each tuned field.

    Columns: `remaining`, the number of the remaining cell in the study's order; cell_id and the
    configuration; the mean validation accuracy over the tuning seeds that ended ok, with Student's
    interval, of the round with the most training images that a candidate reached by halving; `n`,
    the number of those seeds, and `failed`, of the others; `chosen`, of the candidates in the last
    round, by `bench.stats.selection.best_candidate`; `at_edge`, where a chosen number is the
    smallest or the largest of at least three, so that the best may lie outside; `edges`, the fields
    concerned.
    """
    fields, tuned = config_fields(tuning), tuned_fields(tuning, over)
    rest = [field for field in fields if field not in tuned]
    # The parameters of a tuned part have no range: adam's lr isn't comparable with sgd's.
    ranged = [field for field in tuned if field in named_fields(over)]
    cells = tuning.drop_duplicates("cell_id")[["cell_id", *fields]].reset_index(drop=True)
    cells["remaining"] = cells.groupby(rest, sort=False, dropna=False).ngroup() if rest else 0
    share = tuning["train_share"].astype(float).fillna(1.0)
    shares = share.groupby(tuning["cell_id"]).max()
    scores = _scores(tuning[share == tuning["cell_id"].map(shares)])
    rows: list[dict[str, Any]] = []
    for _, group in cells.groupby("remaining"):
        own = {cell_id: scores[cell_id] for cell_id in group["cell_id"]}
        furthest = max(shares[cell_id] for cell_id in own)
        best = best_candidate({c: own[c] for c in own if shares[c] == furthest})
        edges = _edges(group[ranged], group["cell_id"] == best)
        for cell_id, scored in own.items():
            finished = [score for score in scored if score is not None]
            row = {"cell_id": cell_id, "n": len(finished), "failed": len(scored) - len(finished)}
            if finished:
                row |= mean_accuracy(finished).columns("validation_accuracy", "_mean")
            own_edges = edges if cell_id == best else ()
            row |= {"chosen": cell_id == best, "at_edge": own_edges != (), "edges": own_edges}
            rows.append(row)
    known = pd.DataFrame(rows, columns=["cell_id", *COLUMNS])
    return cells.merge(known, on="cell_id")[["remaining", "cell_id", *fields, *COLUMNS]]


def _scores(tuning: pd.DataFrame) -> Scores:
    """Return each candidate's accuracies by seed; None where no trial ended ok."""
    ended = tuning[(tuning["status"] == "ok") & tuning["validation_accuracy"].notna()]
    runs = zip(ended["cell_id"], ended["seed"], strict=True)
    known = dict(zip(runs, ended["validation_accuracy"].astype(float).to_list(), strict=True))
    seeds = list(tuning["seed"].unique())
    return {
        cell_id: [known.get((cell_id, seed)) for seed in seeds]
        for cell_id in tuning["cell_id"].unique()
    }


def _edges(values: pd.DataFrame, is_chosen: pd.Series) -> tuple[str, ...]:
    """Return the fields whose chosen value is the smallest or the largest number tried."""
    edges = []
    for field in values:
        tried, taken = values[field].dropna(), values[field][is_chosen].iloc[0]
        numeric = pd.api.types.is_numeric_dtype(tried) and not pd.api.types.is_bool_dtype(tried)
        has_range = numeric and pd.notna(taken) and tried.nunique() >= MIN_FOR_EDGE
        if has_range and taken in (tried.min(), tried.max()):
            edges.append(str(field))
    return tuple(edges)
