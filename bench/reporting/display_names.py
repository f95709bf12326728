"""The cells that a report shows, and what its sentences call them."""

from functools import lru_cache

import pandas as pd

from bench.analysis.configurations import MEASURES, name_cells
from bench.analysis.results import Results
from bench.analysis.tuning_candidates import tuned_fields


def measured_cells(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with any measurement."""
    return summary[_is_measured(summary)].reset_index(drop=True)


def measured_first(summary: pd.DataFrame) -> pd.DataFrame:
    """Move the cells without any measurement below the others, in the same order otherwise."""
    is_measured = _is_measured(summary)
    return pd.concat([summary[is_measured], summary[~is_measured]], ignore_index=True)


def _is_measured(summary: pd.DataFrame) -> pd.Series:
    counts = summary[["seeds", *(f"{measure}_n" for measure in MEASURES)]]
    return (counts > 0).any(axis=1)


def named_apart(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the cells whose names must differ: the measured ones, or all if only one is.

    A field that varies only in cells without measurements, such as a missing device, then does
    not appear in names.
    """
    measured = measured_cells(summary)
    return measured if len(measured) > 1 else summary


def untuned_summary(tables: Results) -> pd.DataFrame:
    """Return the summary without the fields that tuning chose for each cell."""
    return tables.summary.drop(columns=tuned_fields(tables.summary, tables.tuned))


def short_names(summary: pd.DataFrame) -> dict[str, str]:
    """Return a name for every cell, of measured cells only what distinguishes those."""
    return {**name_cells(summary), **name_cells(named_apart(summary))}


@lru_cache(maxsize=1)  # takes a quarter of a second for a study with a thousand cells
def display_names(tables: Results) -> dict[str, str]:
    """Return the name of every cell for sentences, without the values that tuning chose."""
    return short_names(untuned_summary(tables))
