from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.configurations import config_fields, name_cells, naming_fields, varying_fields
from bench.cell_names import axis_name, field_name, format_value

Table = Callable[..., pd.DataFrame]
SGD = {"optimizer": "sgd", "lr": 0.1, "optimizer.momentum": 0.9}


def test_configuration_is_what_is_neither_identity_nor_measured(trials: Table) -> None:
    fields = config_fields(trials({}))
    assert fields[:3] == ["model", "dataset", "batch_size"]
    assert "optimizer.momentum" in fields
    assert not {"study", "cell_id", "seed", "status", "test_accuracy"} & set(fields)


def test_only_what_varies_between_cells_is_stated(trials: Table) -> None:
    made = trials({"cell_id": "a", "batch_size": 64}, {"cell_id": "b", "batch_size": 512})
    assert varying_fields(made) == ["batch_size"]
    assert name_cells(made) == {"a": "batch 64", "b": "batch 512"}


def test_seeds_of_one_cell_are_no_variation(trials: Table) -> None:
    assert varying_fields(trials({"seed": 0}, {"seed": 1})) == []


def test_parameters_that_follow_their_part_are_not_repeated(trials: Table) -> None:
    made = trials({"cell_id": "a"}, {"cell_id": "b", **SGD})
    assert varying_fields(made) == ["optimizer", "lr", "optimizer.momentum"]
    assert name_cells(made) == {"a": "adam", "b": "sgd"}


def test_a_parameter_is_stated_where_nothing_else_differs(trials: Table) -> None:
    made = trials(
        {"cell_id": "a"},
        {"cell_id": "b", **SGD},
        {"cell_id": "c", **SGD, "optimizer.momentum": 0.0},
    )
    assert naming_fields(made) == ["optimizer", "optimizer.momentum"]
    assert name_cells(made) == {"a": "adam", "b": "sgd · momentum 0.9", "c": "sgd · momentum 0"}


def test_the_only_cell_is_named_after_its_model(trials: Table) -> None:
    assert name_cells(trials({})) == {"a": "convnet"}


def test_cells_that_read_alike_are_reported_apart_by_their_ids(trials: Table) -> None:
    labels = name_cells(trials({"cell_id": "a"}, {"cell_id": "b"}))
    assert labels == {"a": "convnet · a", "b": "convnet · b"}


def test_a_table_without_rows_has_no_labels(trials: Table) -> None:
    assert name_cells(trials({}).iloc[:0]) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [(64, "64"), (64.0, "64"), (1e-05, "1e-05"), (True, "on"), (False, "off"), (None, "–")],
)
def test_values_are_written_as_people_write_them(value: object, text: str) -> None:
    assert format_value(value) == text


def test_what_is_imported_goes_by_its_last_name(trials: Table) -> None:
    made = trials({"cell_id": "a"}, {"cell_id": "b", "model": "my.lab:Net"})
    assert name_cells(made) == {"a": "convnet", "b": "Net"}
    devices = trials({"cell_id": "a", "device": "cuda:0"}, {"cell_id": "b", "device": "cuda:1"})
    assert name_cells(devices) == {"a": "cuda:0", "b": "cuda:1"}


def test_fields_have_a_short_name_and_a_full_one() -> None:
    assert (field_name("batch_size"), axis_name("batch_size")) == ("batch", "batch size")
    assert (field_name("optimizer.momentum"), axis_name("lr")) == ("momentum", "learning rate")


fields = st.sampled_from(["model", "batch_size", "lr", "model.x", "optimizer.x", "compile"])
values = st.sampled_from([None, 1, 0.5, "a", "x a", True])


@given(st.lists(st.dictionaries(fields, values), min_size=1, max_size=12))
def test_no_two_cells_share_a_label(configurations: list[dict[str, object]]) -> None:
    columns = ["cell_id", "model", "batch_size", "lr", "model.x", "optimizer.x", "compile"]
    rows = [{"cell_id": f"c{i}", **c} for i, c in enumerate(configurations)]
    labels = name_cells(pd.DataFrame(rows, columns=columns).astype(object))
    assert len(set(labels.values())) == len(configurations)
    assert all(labels.values())
