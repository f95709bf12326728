"""A text in a table is never a formula to a spreadsheet."""

import csv
from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.records import Outcome
from bench.store import Store


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\tx", "\rx"])
def test_a_text_that_reads_as_a_formula_has_an_apostrophe(
    store: Store, trial: Callable[..., Outcome], text: str
) -> None:
    outcome = trial(**{"model.text": text, "lr": -0.5})
    assert outcome.trial is not None
    store.write_tables([replace(outcome, trial=replace(outcome.trial, reason=text))])
    with (store.folder / "trials.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["reason"] == row["model.text"] == f"'{text}"
    assert row["lr"] == "-0.5"  # a number is a number
