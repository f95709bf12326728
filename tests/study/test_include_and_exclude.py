"""Cells beside the grid, and cells left out of it."""

from collections.abc import Callable

import pytest

from bench.study.design import expand
from bench.study.spec import Cell, Study

CellsOf = Callable[..., list[Cell]]
Refusal = Callable[..., str]

GRID = "name: x\naxes: {model: [convnet, lenet5], optimizer: [adam, {name: sgd, lr: 0.1}]}\n"


def points(cells: list[Cell]) -> set[tuple[str, str]]:
    return {(cell.model.name, cell.optimizer.name) for cell in cells}


def test_include_adds_cells_that_differ_from_the_base(cells_of: CellsOf) -> None:
    text = "name: x\nbase: {epochs: 3}\ninclude: [{model: lenet5, lr: 0.5}, {model.hidden: 9}]"
    base, first, second = cells_of(text)
    assert base.epochs == first.epochs == second.epochs == 3
    assert (first.model.name, first.optimizer.parameters["lr"]) == ("lenet5", 0.5)
    assert second.model.parameters["hidden"] == 9


@pytest.mark.parametrize("design", ["full", "one_at_a_time", "pairs"])
def test_include_adds_to_every_design(cells_of: CellsOf, design: str) -> None:
    text = f"name: x\naxes: {{epochs: [1, 2]}}\ndesign: {design}\ninclude: [{{epochs: 9}}]"
    assert [cell.epochs for cell in cells_of(text)][-1] == 9


@pytest.mark.parametrize(
    "pattern",
    [
        "{model: convnet, optimizer: sgd}",
        "{model: {name: convnet}, optimizer: {name: sgd}}",
        "{model: convnet, lr: 0.1}",
        "{model: convnet, optimizer.lr: 1e-1}",
        "{model: convnet, optimizer: {lr: 0.1}}",
        "{model.hidden: 500, optimizer: {name: sgd, lr: .1}}",
        "{model.hidden: 500, optimizer.momentum: 0}",
    ],
)
def test_exclude_leaves_out_by_any_subset_in_any_form(cells_of: CellsOf, pattern: str) -> None:
    assert points(cells_of(f"{GRID}exclude: [{pattern}]")) == {
        ("convnet", "adam"), ("lenet5", "adam"), ("lenet5", "sgd"),
    }  # fmt: skip


def test_excluded_cells_are_listed_with_their_pattern(
    loaded: Callable[..., Study],
) -> None:
    grid = expand(loaded(f"{GRID}exclude: [{{model: convnet}}, {{optimizer: adam}}]"))
    assert points(grid.cells) == {("lenet5", "sgd")}
    assert [left.point for left in grid.excluded] == [
        "model convnet, optimizer adam",
        "model convnet, optimizer sgd (lr 0.1)",
        "model lenet5, optimizer adam",
    ]
    assert "exclude: model convnet (" in grid.excluded[0].reason
    assert "exclude: optimizer adam (" in grid.excluded[2].reason


def test_exclude_reaches_included_cells(cells_of: CellsOf) -> None:
    text = "name: x\ninclude: [{epochs: 1}, {epochs: 2}]\nexclude: [{epochs: 2}]"
    assert [cell.epochs for cell in cells_of(text)] == [20, 1]


def test_an_excluded_cell_need_not_be_a_valid_one(cells_of: CellsOf) -> None:
    text = "name: x\naxes: {model: [convnet, lenet5], model.hidden: [250]}\n"
    (cell,) = cells_of(text + "exclude: [{model: lenet5}]")
    assert cell.model.parameters["hidden"] == 250


def test_exclude_matches_a_default_that_is_not_written(cells_of: CellsOf) -> None:
    text = "name: x\naxes: {model: [convnet, {name: convnet, hidden: 9}]}\n"
    (cell,) = cells_of(text + "exclude: [{model.hidden: 500}]")
    assert cell.model.parameters["hidden"] == 9


def test_excluding_everything_leaves_an_empty_grid(refusal: Refusal) -> None:
    assert refusal("name: x\naxes: {epochs: [1, 2]}\nexclude: [{model: convnet}]") == (
        "study.yaml:3: exclude: the grid is empty, every cell is excluded\n"
        "  Add fields to a pattern: it excludes the cells that match all of them."
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{batchsize: 64}", "batchsize: no cell has this field. Did you mean 'batch_size'?"),
        (
            "{optimizer.momentun: 0}",
            "optimizer.momentun: no cell has this field. Did you mean 'optimizer.momentum'?",
        ),
        (
            "{model: {hiden: 5}}",
            "model.hiden: no cell has this field. Did you mean 'model.hidden'?",
        ),
        ("{seed: 0}", "seed: no cell has this field."),
    ],
)
def test_an_exclude_that_names_no_field_is_refused(
    refusal: Refusal, pattern: str, message: str
) -> None:
    text = f"{GRID}exclude:\n  - {{model: convnet, optimizer: adam}}\n  - {pattern}"
    assert refusal(text).startswith(f"study.yaml:5: exclude[1].{message}")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("{epoch: 1}", "epoch: unknown field. Did you mean 'epochs'?"),
        ("{'model.': lenet5}", "model.: unknown field. Did you mean 'model'?"),
        ("{epochs: -1}", "epochs: expected a value greater than or equal to 0, got -1"),
        ("{lr: 0}", "lr: expected a value greater than 0, got 0"),
        ("{model: lenet}", "model: unknown model 'lenet'. Did you mean 'lenet5'?"),
        (
            "{model: {name: convnet, hiden: 1}}",
            "model.hiden: model convnet has no parameter 'hiden'. Did you mean 'hidden'?",
        ),
        (
            "{model: lenet5, model.hidden: 1}",
            "model.hidden: model lenet5 has no parameter 'hidden'. Did you mean 'hidden2'?",
        ),
    ],
)
def test_an_invalid_include_is_reported_with_its_place(
    refusal: Refusal, extra: str, message: str
) -> None:
    assert refusal(f"name: x\ninclude:\n  - {{epochs: 1}}\n  - {extra}") == (
        f"study.yaml:4: include[1].{message}"
    )
