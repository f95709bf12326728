"""From axes to cells: the full grid, one axis at a time, or axes in pairs."""

from collections.abc import Callable

from bench.study.spec import Cell

CellsOf = Callable[..., list[Cell]]
Refusal = Callable[..., str]

AXES = "name: x\naxes: {model: [convnet, lenet5], batch_size: [512, 64]}\n"


def points(cells: list[Cell]) -> list[tuple[str, int]]:
    return [(cell.model.name, cell.batch_size) for cell in cells]


def test_a_study_without_axes_is_its_base(cells_of: CellsOf) -> None:
    for design in ("full", "one_at_a_time", "pairs"):
        assert cells_of(f"name: x\ndesign: {design}") == [Cell()]


def test_the_full_grid_has_every_combination_the_last_axis_fastest(cells_of: CellsOf) -> None:
    assert points(cells_of(AXES)) == [
        ("convnet", 512), ("convnet", 64), ("lenet5", 512), ("lenet5", 64),
    ]  # fmt: skip


def test_one_at_a_time_has_the_base_and_each_other_value_alone(cells_of: CellsOf) -> None:
    assert points(cells_of(AXES + "design: one_at_a_time")) == [
        ("convnet", 512), ("lenet5", 512), ("convnet", 64),
    ]  # fmt: skip


def test_one_at_a_time_has_the_base_where_no_axis_names_its_value(cells_of: CellsOf) -> None:
    text = "name: x\nbase: {epochs: 7}\naxes: {epochs: [1, 2]}\ndesign: one_at_a_time"
    assert [cell.epochs for cell in cells_of(text)] == [7, 1, 2]


def test_pairs_are_zipped(cells_of: CellsOf) -> None:
    assert points(cells_of(AXES + "design: pairs")) == [("convnet", 512), ("lenet5", 64)]


def test_pairs_of_different_lengths_are_refused(refusal: Refusal) -> None:
    text = "name: x\ndesign: pairs\naxes: {epochs: [1, 2], batch_size: [64], model: [lenet5]}"
    assert refusal(text) == (
        "study.yaml:3: axes: design pairs needs axes of equal length; "
        "epochs has 2, batch_size has 1, model has 1"
    )


def test_an_axis_over_a_parameter_sets_it_on_whatever_has_it(cells_of: CellsOf) -> None:
    cells = cells_of("name: x\naxes: {optimizer: [adam, {name: sgd, momentum: .9}], lr: [1, 2]}")
    assert [(c.optimizer.name, c.optimizer.parameters["lr"]) for c in cells] == [
        ("adam", 1), ("adam", 2), ("sgd", 1), ("sgd", 2),
    ]  # fmt: skip
    assert cells[3].optimizer.parameters["momentum"] == 0.9


def test_the_order_of_a_choice_and_its_parameter_does_not_matter(cells_of: CellsOf) -> None:
    for lr in ("lr", "optimizer.lr"):
        cells = cells_of(f"name: x\naxes: {{{lr}: [1, 2], optimizer: [adam, sgd]}}")
        assert [(c.optimizer.name, c.optimizer.parameters["lr"]) for c in cells] == [
            ("adam", 1), ("sgd", 1), ("adam", 2), ("sgd", 2),
        ]  # fmt: skip


def test_varying_a_parameter_of_the_base_keeps_its_others(cells_of: CellsOf) -> None:
    text = "name: x\nbase: {model: {name: convnet, activation: tanh}}\naxes: {model.hidden: [5, 6]}"
    assert [
        (c.model.parameters["activation"], c.model.parameters["hidden"]) for c in cells_of(text)
    ] == [("tanh", 5), ("tanh", 6)]


def test_another_choice_has_its_own_defaults_not_the_bases(cells_of: CellsOf) -> None:
    text = "name: x\nbase: {optimizer: {name: sgd, lr: 0.5}}\naxes: {optimizer: [adam]}"
    assert [c.optimizer.parameters["lr"] for c in cells_of(text)] == [0.001]
