"""The tables: their columns, their rows, and that pandas reads them back."""

import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outcome_strategies import OUTCOMES

from bench import csv_text
from bench.cell_names import is_blank
from bench.records import IDENTITY, ROWS, Outcome, columns_of
from bench.store import Store, rows_of

Make = Callable[..., Outcome]

# What shared/design/CONTRACT.md promises of each table.
PROMISED = {
    "trials": "trial_id seed status reason epochs test_accuracy test_loss best_test_accuracy "
    "train_s eval_s wall_s images_per_s time_to_target_s peak_memory_bytes parameters",
    "epochs": "trial_id seed epoch train_loss test_loss test_accuracy train_s eval_s images_per_s "
    "elapsed_train_s",
    "timings": "block phase round seconds is_warmup role at_s is_disturbed",
    "blocks": "block role status reason protocol look started_at wall_s passes_s "
    "calibration_before_s calibration_after_s steal_share pressure_share others_cores "
    "involuntary_switches cpu_over_wall gpu_throttle gpu_others peak_flops_per_s "
    "peak_bytes_per_s two_images_s",
    "costs": "status reason flops_per_image step_flops step_bytes step_operations "
    "step_peak_bytes step_base_bytes step_device_bytes",
    "tuning": "trial_id seed status reason validation_accuracy validation_loss validation_images "
    "train_share "
    "train_s wall_s",
    "misclassified": "trial_id seed test_images wrong",
    "metrics": "trial_id seed epoch metric value is_lower_better",
}


def read(store: Store, table: str) -> pd.DataFrame:
    return pd.read_csv(store.folder / f"{table}.csv", keep_default_na=False, na_values=[""])


@pytest.fixture
def written(store: Store, trial: Make, block: Make, cost: Make, tuning: Make) -> Store:
    store.write_tables([trial(0), trial(1), cost(), block(0), tuning()])
    return store


@pytest.mark.parametrize("table", ROWS)
def test_identity_comes_first_then_the_configuration_then_the_tables_own(
    written: Store, table: str
) -> None:
    header = list(read(written, table).columns)
    own = [name for name in columns_of(ROWS[table]) if name not in IDENTITY]
    assert header == [
        *IDENTITY, "precision", "compile", "epochs", "model.hidden", "optimizer.eps", *own,
    ]  # fmt: skip


@pytest.mark.parametrize("table", ROWS)
def test_every_column_of_the_contract_is_present(written: Store, table: str) -> None:
    assert set(PROMISED[table].split()) <= set(read(written, table).columns)


def test_a_row_is_one_observation(written: Store) -> None:
    assert list(read(written, "trials")["trial_id"]) == ["cell-s0", "cell-s1"]
    assert list(read(written, "epochs")["epoch"]) == [1, 2, 1, 2]
    assert list(read(written, "timings")["round"]) == [0, 1]
    assert list(read(written, "blocks")["steal_share"]) == [0.25]
    assert list(read(written, "costs")["flops_per_image"]) == [7.5e6]
    assert list(read(written, "tuning")["validation_accuracy"]) == [0.75]


def test_pandas_reads_the_values_back(written: Store) -> None:
    trial = read(written, "trials").iloc[0]
    assert (trial["study"], trial["cell_id"], trial["model"]) == ("x", "cell", "convnet")
    assert (trial["lr"], trial["optimizer.eps"], trial["batch_size"]) == (0.001, 1e-8, 512)
    assert trial["time_to_target_s"] == math.inf
    assert math.isnan(trial["test_loss"])
    assert list(read(written, "timings")["is_warmup"]) == [True, False]


def test_what_was_not_measured_is_blank(written: Store) -> None:
    with (written.folder / "trials.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    assert first["test_accuracy"] == first["reason"] == first["parameters"] == ""


def test_a_failed_block_is_one_row_with_the_reason(store: Store, failed_block: Outcome) -> None:
    store.write_tables([failed_block])
    rows = read(store, "timings")
    assert len(rows) == 1
    row = rows.iloc[0]
    assert (row["block"], row["status"], row["reason"]) == (0, "oom", "why")
    assert all(pd.isna(row[name]) for name in ("phase", "round", "seconds", "is_warmup"))
    (block,) = read(store, "blocks").to_dict("records")
    assert (block["role"], block["status"], block["reason"]) == ("planned", "oom", "why")
    assert math.isnan(block["steal_share"])


def test_a_parameter_that_a_cell_lacks_is_blank_in_its_rows(store: Store, trial: Make) -> None:
    momentum = {"optimizer.momentum": 0.9}
    store.write_tables([trial(0), trial(0, "other", **momentum)])
    column = read(store, "trials")["optimizer.momentum"]
    assert math.isnan(column[0])
    assert column[1] == 0.9


def test_tables_without_rows_have_their_header(store: Store, trial: Make) -> None:
    store.write_tables([trial(0)])
    assert read(store, "timings").empty
    assert "seconds" in read(store, "timings").columns


def test_no_outcomes_are_tables_of_headers(store: Store) -> None:
    store.write_tables([])
    for table, row_type in ROWS.items():
        assert list(read(store, table).columns) == [*IDENTITY, *columns_of(row_type)]


def test_rows_are_in_the_order_of_the_outcomes(store: Store, trial: Make) -> None:
    store.write_tables([trial(2), trial(0), trial(1)])
    assert list(read(store, "trials")["seed"]) == [2, 0, 1]


@pytest.mark.parametrize(
    "reason",
    ["a,b", 'say "x"', "two\nlines", "50%\r100%", "a\r\nb", "größer – 網", " x ", "#", "NA"],
)
def test_any_reason_stays_in_its_cell(store: Store, trial: Make, reason: str) -> None:
    outcome = trial(0)
    assert outcome.trial is not None
    failed = replace(outcome, trial=replace(outcome.trial, reason=reason, status="failed"))
    store.write_tables([failed, trial(1)])
    table = read(store, "trials")
    assert list(table["reason"].fillna("")) == [reason, ""]
    assert list(table["seed"]) == [0, 1]


def test_not_a_number_is_blank(store: Store, trial: Make) -> None:
    outcome = trial(0)
    epoch = replace(outcome.epochs[0], train_loss=math.nan)
    store.write_tables([replace(outcome, epochs=(epoch,))])
    with (store.folder / "epochs.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["train_loss"] == ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def as_text(value: object) -> str:
    text = "" if value is None else str(value)
    return text.encode("utf-8", "backslashreplace").decode()


def rows_in(outcome: Outcome, table: str) -> Iterator[dict[str, object]]:
    """Yield what a table should hold of an outcome, marked against spreadsheets."""
    identity = {name: csv_text.as_value(value) for name, value in outcome.config.items()}
    identity |= {n: csv_text.as_text(getattr(outcome, n)) for n in ("study", "cell_id")}
    for row in rows_of(outcome)[table]:
        own = {name: getattr(row, name) for name in columns_of(type(row))}
        yield identity | {k: None if is_blank(v) else csv_text.as_text(v) for k, v in own.items()}


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(outcomes=st.lists(OUTCOMES, max_size=3))
def test_any_outcomes_are_read_back_value_by_value(folder: Path, outcomes: list[Outcome]) -> None:
    Store(folder).write_tables(outcomes)
    for table in ROWS:
        with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        expected = [row for outcome in outcomes for row in rows_in(outcome, table)]
        assert len(rows) == len(expected)
        for row, values in zip(rows, expected, strict=True):
            assert {k: v for k, v in row.items() if v} == {
                k: as_text(v) for k, v in values.items() if as_text(v)
            }
