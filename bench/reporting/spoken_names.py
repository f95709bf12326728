"""The cells that a report speaks of, and what its sentences call them."""

from functools import lru_cache

import pandas as pd

from bench.analysis.configurations import cell_labels
from bench.analysis.results import Results
from bench.analysis.summary_columns import MEASURES
from bench.analysis.tuning_candidates import tuned_fields


def measured(summary: pd.DataFrame) -> pd.DataFrame:
    """Keep the cells with any number to draw."""
    return summary[_is_measured(summary)].reset_index(drop=True)


def measured_first(summary: pd.DataFrame) -> pd.DataFrame:
    """Put the cells without any number below the others; the order stays otherwise."""
    is_measured = _is_measured(summary)
    return pd.concat([summary[is_measured], summary[~is_measured]], ignore_index=True)


def _is_measured(summary: pd.DataFrame) -> pd.Series:
    counts = summary[["seeds", *(f"{measure}_n" for measure in MEASURES)]]
    return (counts > 0).any(axis=1)


def to_tell_apart(summary: pd.DataFrame) -> pd.DataFrame:
    """Give the cells whose names must differ: the measured ones, or all where that is but one.

    What sets apart only cells that gave no number, such as a device that is not there, then has
    no place in names.
    """
    known = measured(summary)
    return known if len(known) > 1 else summary


def as_asked(tables: Results) -> pd.DataFrame:
    """Give the cells as the study asks for them: without what tuning chose for each."""
    return tables.summary.drop(columns=tuned_fields(tables.summary, tables.tuned))


def short_names(summary: pd.DataFrame) -> dict[str, str]:
    """Name every cell, the measured ones by nothing but what tells those apart."""
    return {**cell_labels(summary), **cell_labels(to_tell_apart(summary))}


@lru_cache(maxsize=1)  # of a study with a thousand cells it takes a quarter of a second
def spoken_names(tables: Results) -> dict[str, str]:
    """Name every cell for a sentence; what tuning chose for each is left to the tables."""
    return short_names(as_asked(tables))
