"""Cells that differ have labels that differ."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bench.cell_names import name_by_fields, naming_fields

NUMBERS = st.integers(0, 3) | st.integers() | st.floats(allow_nan=False, width=64)
PARAMETERS = st.none() | st.floats(0, 1)
CELLS = st.lists(
    st.fixed_dictionaries(
        {
            "model": st.sampled_from(["convnet", "lenet5", "my.nets:Net"]),
            "batch_size": st.integers(1, 10**15),
            "optimizer": st.sampled_from(["adam", "sgd"]),
            "compile": st.booleans(),
        },
        optional={
            "lr": NUMBERS,
            "model.hidden": st.none() | st.integers(1, 3),
            "model.eps": PARAMETERS,
            "optimizer.eps": PARAMETERS,
            "optimizer.momentum": PARAMETERS,
        },
    ),
    min_size=1,
    max_size=8,
)


def blanks_left_out(cell: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((k, v) for k, v in sorted(cell.items()) if v is not None)


@given(CELLS)
def test_different_cells_have_different_names(cells: list[dict[str, Any]]) -> None:
    distinct = list({blanks_left_out(cell): cell for cell in cells}.values())
    fields = naming_fields(distinct)
    labels = [name_by_fields(cell, fields) for cell in distinct]
    assert len(set(labels)) == len(distinct)


def typed(cell: dict[str, Any], fields: list[str]) -> tuple[Any, ...]:
    return tuple((type(value), value) for value in map(cell.get, fields))


@given(CELLS)
def test_the_last_part_of_a_name_is_needed(cells: list[dict[str, Any]]) -> None:
    fields = naming_fields(cells)
    last = next((f for f in reversed(fields) if f == "lr" or "." in f), None)
    if last is not None:
        rest = [f for f in fields if f != last]
        assert len({typed(c, rest) for c in cells}) < len({typed(c, fields) for c in cells})
