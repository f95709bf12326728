"""`bench list` and `bench schema`: what a study may say."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bench.registry import Entry, Parameter

Row = tuple[str, str, str]


def list_names(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[models|optimizers|schedules|datasets|axes|figures|…]",
            help="One of the lists; all of them by default.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """List what a study may name, with parameters and defaults.

    Example: bench list optimizers
    """
    from rich.markup import escape

    from bench.cli.terminal import console, table
    from bench.errors import StudyError, did_you_mean

    if what is not None and what not in LISTS:
        raise StudyError(f"no list '{what}'. {did_you_mean(what, LISTS)}".strip())
    target = console()
    for name in [what] if what else LISTS:
        rows = table(target, name, "", "parameters")
        for row in LISTS[name]():
            rows.add_row(*(escape(text) for text in row))
        target.print(rows)


def schema() -> None:
    """Print the JSON Schema of a study file.

    Example: bench schema > studies/schema.json
    """
    import json

    from bench.study.schema import study_schema

    typer.echo(json.dumps(study_schema(), indent=2, ensure_ascii=False))


def _models() -> Iterable[Row]:
    from bench.models.named import TORCHVISION, all_models

    yield from _entries(all_models())
    example = f"torchvision's classification networks, e.g. {TORCHVISION}resnet18"
    yield f"{TORCHVISION}NAME", example, "image_side, and torchvision's own"


def _optimizers() -> Iterable[Row]:
    from bench.optim import OPTIMIZERS

    return _entries(OPTIMIZERS)


def _schedules() -> Iterable[Row]:
    from bench.optim import SCHEDULES

    return _entries(SCHEDULES)


def _datasets() -> Iterable[Row]:
    from bench.data import DATASETS

    return ((name, source.summary, "") for name, source in DATASETS.items())


def _axes() -> Iterable[Row]:
    from bench.labels import format_value
    from bench.study.spec import Cell

    meanings = {name: field.description or "" for name, field in Cell.model_fields.items()}
    for name, value in Cell().flat().items():
        yield name, meanings.get(name, ""), format_value(value)


def _figures() -> Iterable[Row]:
    from bench.report.figures import FIGURES

    return ((name, (draw.__doc__ or "").partition("\n")[0], "") for name, draw in FIGURES.items())


def _entries(registry: "Mapping[str, Entry]") -> Iterable[Row]:
    for name, entry in registry.items():
        told = ", ".join(f"{p.name}={p.default}" for p in _known(entry.target))
        yield name, entry.summary, told


def _known(target: str) -> "Sequence[Parameter]":
    """Read a callable's parameters; the source of an installed package may be broken."""
    from bench.registry import parameters

    try:
        return parameters(target) or ()
    except (OSError, SyntaxError, ValueError):
        return ()


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


LISTS = {
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
