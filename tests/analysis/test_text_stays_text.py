"""A value of a configuration is in the tables what it is in the study, whatever it looks like."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bench.analysis.configurations import name_cells
from bench.analysis.derived_tables import write_derived_tables
from bench.analysis.results import Results, make_results, read_results
from bench.cell_names import DistinctText, is_blank
from bench.cell_names import name_cells as planned_names
from bench.records import Outcome, TrialRow
from bench.store import Store

TEXTS = [
    "1.1", "1.10", "1.2", "nan", "inf", "null", "true", "1e5", "007", " a", "=1+1", "'x", "'=x",
    "", "'", "-", "+1", "a,b", 'a"b', '"1"', "two\nlines", "\r\n", "\t", "a  b", "a b", "–", "on",
    "None", "NA", "1_0", "9" * 400, "\0", "٣", "模型", "x:y", "z:y",
]  # fmt: skip
MIXED = {
    "blank": [None, "None", "–", ""],
    "truth": [True, "true", "True", "on", False],
    "number": [1, 1.0, "1", "1.0", True],
    "huge": [10**30, 1],
    "text and numbers": [0.5, "auto", 2, "2"],
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LOOKALIKE = st.from_regex(r"['+-]{0,2}(\d{0,3}\.?\d{0,3}(e\d)?|nan|inf|true|)", fullmatch=True)
NUMBER = st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, allow_infinity=False)
Read = Callable[[list[Any]], Results]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Store a grid of the values and two batch sizes; read its tables, as memory holds them."""
    store = Store(tmp_path_factory.mktemp("results"))

    def stored(values: list[Any]) -> Results:
        made = make_results(outcomes(values), store.folder)
        store.write_tables(outcomes(values))
        write_derived_tables(made, store.folder)
        read = read_results(store.folder)
        for name in ("trials", "epochs", "timings", "summary", "comparisons"):
            pd.testing.assert_frame_equal(getattr(made, name), getattr(read, name))
        return read

    return stored


def outcomes(values: list[Any]) -> list[Outcome]:
    return [
        outcome(f"{i}-{batch}", {"batch_size": batch, "model.tag": value})
        for i, value in enumerate(values)
        for batch in (64, 512)
    ]


def outcome(cell_id: str, config: dict[str, Any]) -> Outcome:
    same = {"model": "net:Net", "dataset": "digits", "optimizer": "adam", "device": "cpu"}
    trial = TrialRow(
        trial_id=cell_id, seed=0, status="ok", reason="=1", test_accuracy=0.5, train_s=1.0
    )
    return Outcome(
        run_id=cell_id,
        kind="trial",
        study="x",
        cell_id=cell_id,
        config={**same, "lr": 0.1, **config},
        status="ok",
        trial=trial,
    )


def values_of(table: Any) -> list[Any]:
    column = table.drop_duplicates("cell_id")["model.tag"].iloc[::2]
    found = [value.value if isinstance(value, DistinctText) else value for value in column]
    return [None if is_blank(value) else value for value in found]


def assert_same(read_values: list[Any], values: list[Any]) -> None:
    assert read_values == values
    for found, value in zip(read_values, values, strict=True):
        assert isinstance(found, str) == isinstance(value, str), (found, value)
        assert isinstance(found, bool) == isinstance(value, bool) or not isinstance(value, bool)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(values=st.lists(TEXT | LOOKALIKE | NUMBER | st.none(), min_size=1, max_size=5))
@example(values=TEXTS)
@example(values=["\r", "a\r\nb"])
def test_any_value_is_read_from_a_table_as_it_was_written(read: Read, values: list[Any]) -> None:
    tables = read(values)
    assert_same(values_of(tables.trials), values)
    assert_same(values_of(tables.summary), values)
    assert set(tables.trials["reason"]) == {"=1"}


@pytest.mark.parametrize("values", [TEXTS, *MIXED.values()], ids=["texts", *MIXED])
def test_every_value_has_its_own_cell_name_and_main_effect(read: Read, values: list[Any]) -> None:
    tables = read(values)
    names = name_cells(tables.summary)
    assert names == planned_names({each.cell_id: each.config for each in outcomes(values)})
    assert not any(cell_id in name for cell_id, name in names.items())
    assert len(set(names.values())) == 2 * len(values)
    effects = tables.main_effects["effect"]
    assert effects.nunique() == len(effects) == len(values)  # of the others, and of the batch


def test_a_column_of_texts_names_them_as_they_are(read: Read) -> None:
    names = name_cells(read(["1.1", "1.10", "1.2"]).summary)
    assert list(names.values())[::2] == ["batch 64 · tag 1.1", "batch 64 · tag 1.10",
                                         "batch 64 · tag 1.2"]  # fmt: skip


def test_a_parquet_file_keeps_texts_and_mixed_columns(read: Read, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    for values, expected in ((["1.1", "007"], ["1.1", "007"]), ([1, "1"], ["1", '"1"'])):
        read(values).trials.to_parquet(tmp_path / "t.parquet")
        found = pandas.read_parquet(tmp_path / "t.parquet")["model.tag"].iloc[::2]
        assert list(found) == expected
