"""The lists of `bench list`: names, each with a summary, its parameters and their defaults."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from bench.registry import Passed

Row = tuple[str, ...]  # a name and its further columns


def print_list(target: "Console", name: str) -> None:
    """Print a list with indented parameters; its last column wraps."""
    from rich.markup import escape
    from rich.table import Table

    rows = Table.grid(padding=(0, 2, 0, 0))
    for row in LISTS[name]():
        rows.add_row(*map(escape, row), style="" if row[0] else "dim")
    for column in rows.columns[:-1]:
        column.no_wrap = True
    target.print(f"[bold]{name}[/]")
    target.print(rows)


def _components(field: str, left_out: Collection[str] = ()) -> Callable[[], Iterable[Row]]:
    """List what a field of a configuration may name, with the names of installed packages."""

    def rows() -> Iterable[Row]:
        from bench.study.spec import COMPONENTS

        choice = COMPONENTS[field]
        for name, entry in choice.entries().items():
            if name in left_out:
                continue
            yield name, entry.summary
            if text := _parameters(entry.target, choice.passed):
                yield "", text

    return rows


def _parameters(target: str, passed: "Passed") -> str:
    from bench.registry import parameters

    try:
        known = parameters(target, passed) or ()
    except (OSError, SyntaxError, ValueError):  # an installed package with a broken source
        return ""
    return ", ".join(f"{p.name}={_as_yaml(p.default) if p.is_literal else '…'}" for p in known)


def _as_yaml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).strip('"')


def _models() -> Iterable[Row]:
    from bench.models.model_lookup import TORCHVISION

    yield from _components("model")()
    yield f"{TORCHVISION}NAME", f"torchvision's classification networks: {TORCHVISION}resnet18, …"
    yield "", "image_side, and torchvision's own"


def _datasets() -> Iterable[Row]:
    from bench.data import TORCHVISION_DATASETS

    yield from _components("dataset", TORCHVISION_DATASETS)()
    yield "torchvision:NAME", "torchvision's classification sets; size (of EMNIST also split)"
    yield "", ", ".join(name.partition(":")[2] for name in TORCHVISION_DATASETS)


def _axes() -> Iterable[Row]:
    """List the fields of a configuration, and the parameters of its default components."""
    from bench.cell_names import owner
    from bench.study.spec import Cell

    default = Cell().flat()
    for name, value in default.items():
        field = Cell.model_fields.get(name)
        meaning = field.description if field else f"a parameter of {default[owner(name)]}"
        yield name, _as_yaml(value), meaning or ""


def _figures() -> Iterable[Row]:
    from bench.reporting.figures import FIGURES

    return ((name, (draw.__doc__ or "").partition("\n")[0]) for name, draw in FIGURES.items())


LISTS: Mapping[str, Callable[[], Iterable[Row]]] = {
    "models": _models,
    "optimizers": _components("optimizer"),
    "schedules": _components("schedule"),
    "losses": _components("loss"),
    "datasets": _datasets,
    "loaders": _components("loader"),
    "augmentations": _components("augmentation"),
    "initialisations": _components("initialisation"),
    "averagings": _components("averaging"),
    "training_steps": _components("training_step"),
    "hooks": _components("hook"),
    "metrics": _components("metric"),
    "axes": _axes,
    "figures": _figures,
}
