import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.analysis.configurations import config_fields
from bench.analysis.results import read_results
from bench.analysis.summary import summarise
from bench.errors import StoreError

Table = Callable[..., pd.DataFrame]


@pytest.fixture
def folder(tmp_path: Path, trials: Table, timed: Table) -> Path:
    ok = {"test_accuracy": 0.98, "parameters": 10, "time_to_target_s": math.inf}
    bad = {"cell_id": "b", "status": "failed", "reason": "no, really", "optimizer.momentum": 0.9}
    trials(ok, {**bad, "model": "None"}).to_csv(tmp_path / "trials.csv", index=False)
    timed({"data": 0.1, "step": 0.4}).to_csv(tmp_path / "timings.csv", index=False)
    return tmp_path


def change(folder: Path, table: str, edit: Callable[[pd.DataFrame], Any]) -> None:
    path = folder / f"{table}.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    edit(frame).to_csv(path, index=False)


def test_columns_come_with_their_types(folder: Path) -> None:
    tables = read_results(folder)
    types = tables.trials.dtypes.astype(str)
    assert types[["cell_id", "model", "reason"]].to_list() == ["string"] * 3
    assert types[["seed", "parameters", "batch_size"]].to_list() == ["Int64"] * 3
    assert types[["lr", "test_accuracy", "optimizer.momentum"]].to_list() == ["float64"] * 3
    assert str(tables.timings["is_warmup"].dtype) == "boolean"


def test_a_blank_is_the_only_missing_value(folder: Path) -> None:
    trials = read_results(folder).trials
    assert trials["model"].to_list() == ["convnet", "None"]
    assert trials["reason"].isna().to_list() == [True, False]
    assert trials["parameters"].isna().to_list() == [False, True]
    assert trials["time_to_target_s"].iloc[0] == math.inf


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["True", "false"], [True, False]),
        (["2", "auto"], ["2", "auto"]),
        (["2", ""], [2, None]),
        (["2", "0.5"], [2.0, 0.5]),
    ],
)
def test_a_configuration_column_is_typed_by_what_it_contains(
    folder: Path, texts: list[str], values: list[Any]
) -> None:
    change(folder, "trials", lambda frame: frame.assign(precision=texts))
    read = read_results(folder).trials["precision"]
    assert [None if pd.isna(value) else value for value in read] == values


def test_a_missing_summary_is_computed(folder: Path) -> None:
    tables = read_results(folder)
    computed = summarise(tables.trials, tables.timings, tables.blocks, tables.costs)
    pd.testing.assert_frame_equal(tables.summary, computed)


def test_a_summary_reads_back_as_it_was_computed(folder: Path) -> None:
    computed = read_results(folder).summary
    computed.to_csv(folder / "summary.csv", index=False)
    pd.testing.assert_frame_equal(read_results(folder).summary, computed)


def test_a_summary_that_is_there_is_not_computed_again(folder: Path) -> None:
    marked = read_results(folder).summary.assign(accuracy_mean=0.5)
    marked.to_csv(folder / "summary.csv", index=False)
    assert read_results(folder).summary["accuracy_mean"].to_list() == [0.5, 0.5]


def test_a_summary_can_be_computed_again_whatever_the_file_contains(folder: Path) -> None:
    computed = read_results(folder).summary
    (folder / "summary.csv").write_text("of an older version\n")
    again = read_results(folder, recompute=True).summary
    pd.testing.assert_frame_equal(again, computed)
    with pytest.raises(StoreError, match=r"column missing"):
        read_results(folder)


def test_an_older_summary_that_lacks_a_measure_is_computed_anew(folder: Path) -> None:
    computed = read_results(folder).summary
    older = computed.drop(columns="bottleneck").assign(accuracy_mean=0.5)
    older.to_csv(folder / "summary.csv", index=False)
    pd.testing.assert_frame_equal(read_results(folder).summary, computed)


def test_an_older_table_may_lack_columns_that_have_a_default(folder: Path) -> None:
    now = read_results(folder)
    change(folder, "timings", lambda frame: frame.drop(columns=["role", "status", "reason"]))
    change(folder, "trials", lambda frame: frame.drop(columns=["reason", "parameters"]))
    older = read_results(folder)
    pd.testing.assert_frame_equal(older.timings[now.timings.columns], now.timings)
    assert older.timings["role"].to_list() == ["planned", "planned"]
    assert older.trials["parameters"].isna().all()
    assert older.trials.dtypes[now.trials.columns].to_list() == now.trials.dtypes.to_list()


def test_an_older_folder_without_blocks_and_costs_can_be_read(folder: Path) -> None:
    change(folder, "trials", lambda frame: frame.assign(flops_per_image=1e6))
    tables = read_results(folder)
    assert tables.blocks.empty and tables.costs.empty
    assert tables.summary["step_n"].to_list() == [1, 0]
    assert "flops_per_image" not in config_fields(tables.trials)


def test_epochs_and_timings_may_be_missing(folder: Path) -> None:
    (folder / "timings.csv").unlink()
    tables = read_results(folder)
    assert tables.timings.empty and tables.epochs.empty
    assert {"cell_id", "phase", "seconds", "batch_size"} <= set(tables.timings.columns)
    assert tables.summary["step_n"].to_list() == [0, 0]


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no trials\.csv"):
        read_results(tmp_path)


@pytest.mark.parametrize("column", ["status", "device"])
def test_a_missing_column_is_named_with_its_file(folder: Path, column: str) -> None:
    change(folder, "trials", lambda frame: frame.drop(columns=column))
    with pytest.raises(StoreError, match=column) as caught:
        read_results(folder)
    assert caught.value.where == str(folder / "trials.csv")


@pytest.mark.parametrize("column", ["phase", "seconds", "is_warmup", "block"])
def test_a_column_without_a_default_must_be_there(folder: Path, column: str) -> None:
    change(folder, "timings", lambda frame: frame.drop(columns=column))
    with pytest.raises(StoreError, match=f"column missing: {column}"):
        read_results(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b'a,b\n"1,2\n3,4,5,6', b"\xff\xfe\x00"],
    ids=["empty", "broken quotes", "no text"],
)
def test_an_unreadable_file_is_named(folder: Path, content: bytes) -> None:
    (folder / "timings.csv").write_bytes(content)
    with pytest.raises(StoreError) as caught:
        read_results(folder)
    assert caught.value.where == str(folder / "timings.csv")


def test_text_where_a_number_belongs_is_refused(folder: Path) -> None:
    change(folder, "trials", lambda frame: frame.assign(seed="zero"))
    with pytest.raises(StoreError, match="zero"):
        read_results(folder)


@pytest.mark.parametrize(("table", "message"), [("trials", "seed"), ("timings", "phase step")])
def test_a_row_that_is_there_twice_is_refused(folder: Path, table: str, message: str) -> None:
    change(folder, table, lambda frame: pd.concat([frame, frame.iloc[[-1]]]))
    with pytest.raises(StoreError, match="has a row twice: cell_id ") as error:
        read_results(folder)
    assert message in str(error.value)
    assert f"{table}.csv" in str(error.value)
    assert "rewrites the tables" in str(error.value)
