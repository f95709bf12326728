"""The lists of `bench list`: for each name a line about it, and its parameters with defaults."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.registry import Entry, Parameter

Row = tuple[str, ...]  # a name, and what stands beside it


def _models() -> Iterable[Row]:
    from bench.models.model_lookup import TORCHVISION, all_models

    yield from _entries(all_models())
    yield f"{TORCHVISION}NAME", f"torchvision's classification networks: {TORCHVISION}resnet18, …"
    yield "", "image_side, and torchvision's own"


def _optimizers() -> Iterable[Row]:
    from bench.optim import OPTIMIZERS

    return _entries(OPTIMIZERS)


def _schedules() -> Iterable[Row]:
    from bench.optim import SCHEDULES

    return _entries(SCHEDULES)


def _datasets() -> Iterable[Row]:
    from bench.data import DATASETS

    return ((name, source.summary) for name, source in DATASETS.items())


def _loaders() -> Iterable[Row]:
    from bench.data import LOADERS

    return _entries(LOADERS)


def _augmentations() -> Iterable[Row]:
    from bench.data import AUGMENTATIONS

    return _entries(AUGMENTATIONS)


def _initialisations() -> Iterable[Row]:
    from bench.models import INITIALISATIONS

    return _entries(INITIALISATIONS)


def _averagings() -> Iterable[Row]:
    from bench.optim import AVERAGINGS

    return _entries(AVERAGINGS)


def _axes() -> Iterable[Row]:
    """List the fields of a configuration, and the parameters of what it names by default."""
    from bench.cell_names import owner
    from bench.study.spec import Cell

    default = Cell().flat()
    for name, value in default.items():
        field = Cell.model_fields.get(name)
        meaning = field.description if field else f"a parameter of {default[owner(name)]}"
        yield name, _written(value), meaning or ""


def _figures() -> Iterable[Row]:
    from bench.reporting.figures import FIGURES

    return ((name, (draw.__doc__ or "").partition("\n")[0]) for name, draw in FIGURES.items())


def _entries(registry: "Mapping[str, Entry]") -> Iterable[Row]:
    for name, entry in registry.items():
        yield name, entry.summary
        told = [
            f"{p.name}={_written(p.default) if p.is_told else '…'}" for p in _known(entry.target)
        ]
        if told:
            yield "", ", ".join(told)


def _known(target: str) -> "Sequence[Parameter]":
    """Read a callable's parameters; the source of an installed package may be broken."""
    from bench.registry import parameters

    try:
        return parameters(target) or ()
    except (OSError, SyntaxError, ValueError):
        return ()


def _written(value: Any) -> str:
    """Write a value as a study file does."""
    return json.dumps(value, ensure_ascii=False).strip('"')


LISTS: Mapping[str, Callable[[], Iterable[Row]]] = {
    "models": _models,
    "optimizers": _optimizers,
    "schedules": _schedules,
    "datasets": _datasets,
    "loaders": _loaders,
    "augmentations": _augmentations,
    "initialisations": _initialisations,
    "averagings": _averagings,
    "axes": _axes,
    "figures": _figures,
}
