"""What a study names with parameters: a network, an optimizer, a schedule and so on."""

import math
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from bench.data import AUGMENTATIONS, LOADERS
from bench.errors import BenchError, did_you_mean, shown
from bench.import_graph import source_file
from bench.models import INITIALISATIONS, MODELS
from bench.models.model_lookup import models_beside
from bench.optim import AVERAGINGS, OPTIMIZERS, SCHEDULES
from bench.registry import Entry, PositiveInt, parameters

IMPORTED = r"\w+(\.\w+)*:\w+"


def problem(loc: tuple[str | int, ...], message: str, value: Any) -> ValidationError:
    """Make one validation error that stands at `loc`; pydantic puts the path before it."""
    return ValidationError.from_exception_data(
        "study", [InitErrorDetails(type=wrong(message), loc=loc, input=value)]
    )


class Strict(BaseModel):
    """A frozen model that refuses unknown fields and names the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)
    elsewhere: ClassVar[Mapping[str, str]] = {}  # where a field stands that is not one of this

    @model_validator(mode="before")
    @classmethod
    def _only_known_fields(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    hint = cls.elsewhere.get(key) or did_you_mean(key, cls.model_fields)
                    raise problem((str(key),), f"unknown field. {hint}".strip(), data[key])
        return data


def wrong(message: str) -> PydanticCustomError:
    """Make an error that says just this; pydantic puts the path before it."""
    return PydanticCustomError("study", "{message}", {"message": message})


def number(value: Any) -> Any:
    """Refuse what pydantic would take for a number: YAML's `true` is not 1, nor `"5"` 5."""
    if isinstance(value, bool):
        raise wrong("a number is asked for, not true or false")
    if isinstance(value, str):
        raise wrong(f"a number is asked for, not the text {shown(value)}")
    return value


Count = Annotated[PositiveInt, BeforeValidator(number)]
CountFromZero = Annotated[int, Field(ge=0), BeforeValidator(number)]
Truth = Annotated[bool, Field(strict=True)]


class Choice(BaseModel):
    """A name from a registry with its parameters, all of them filled in.

    Written as `name`, as `{name: …, parameter: value}`, or, for a network of the user's own,
    as `{import: "package.module:Class", …}`.
    """

    model_config = ConfigDict(frozen=True)
    registry: ClassVar[Mapping[str, Entry]] = {}
    what: ClassVar[str] = ""
    may_import: ClassVar[bool] = False

    name: str
    target: str
    imported: bool = False
    parameters: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, data: Any) -> Any:
        if isinstance(data, Choice):
            data = data.declared()
        if isinstance(data, str):
            data = {"name": data}
        if not isinstance(data, Mapping):
            raise wrong("a name is asked for, or {name: …}")
        given = {str(key): value for key, value in data.items()}
        imported = "import" in given
        if imported:
            name = target = cls._import_target(given.pop("import"))
            if "name" in given:
                raise problem(("name",), "give either 'name' or 'import'", given["name"])
        else:
            name, target = cls._known(given.pop("name", None))
        return {
            "name": name,
            "target": target,
            "imported": imported,
            "parameters": _filled(f"{cls.what} {name}", target, given),
        }

    @classmethod
    def _import_target(cls, target: Any) -> str:
        if not cls.may_import:
            raise problem(("import",), f"{cls.what}s cannot be imported, only models", target)
        if not isinstance(target, str) or not re.fullmatch(IMPORTED, target):
            raise problem(("import",), "must read 'package.module:Class'", target)
        if own := _hidden(target):
            raise problem(
                ("import",),
                f"{own} has the name of a module that Python finds first. Rename it",
                target,
            )
        try:
            parameters(target)
        except (OSError, SyntaxError, ValueError) as error:
            raise problem(("import",), f"its source cannot be read: {error}", target) from None
        return target

    @classmethod
    def _known(cls, name: Any) -> tuple[str, str]:
        """Find what a name stands for: the name, and where its callable is."""
        if name is None:
            raise wrong("'name' is missing")
        known = cls._entries(name if isinstance(name, str) else "")
        if not isinstance(name, str) or name not in known:
            raise wrong(f"unknown {cls.what} {shown(name)}. {did_you_mean(name, known)}".strip())
        return name, known[name].target

    @classmethod
    def _entries(cls, name: str) -> Mapping[str, Entry]:
        """Give the entries among which a name is looked for."""
        return cls.registry

    @model_serializer
    def declared(self) -> dict[str, Any]:
        """Give the choice as a study file writes it, every parameter in full."""
        return {"import" if self.imported else "name": self.name, **self.parameters}


def _filled(owner: str, target: str, given: dict[str, Any]) -> dict[str, Any]:
    """Check the given parameters against the callable's own, and add its defaults.

    A callable whose source does not tell its parameters takes what is given, as it is; a default
    that the source does not tell is left to the callable.
    """
    for key, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise problem((key,), f"should be a finite number, not {value}", value)
    known = parameters(target)
    if known is None:
        return given
    names = [p.name for p in known]
    for key in given:
        if key not in names:
            hint = did_you_mean(key, names) if names else "It has none."
            raise problem((key,), f"{owner} has no parameter '{key}'. {hint}".strip(), given[key])
    checked = _checker(target).model_validate(given).model_dump(by_alias=True, exclude_unset=True)
    values = {p.name: p.default for p in known if p.is_told} | checked
    return {name: values[name] for name in names if name in values}


@cache
def _checker(target: str) -> type[BaseModel]:
    """Make the model that checks a callable's parameters.

    They stand in it as aliases: a network of the user's own may call one `copy` or `_x`.
    """
    fields: dict[str, Any] = {
        f"p{i}": (_strictly(p.annotation), Field(... if p.required else None, alias=p.name))
        for i, p in enumerate(parameters(target) or ())
    }
    return create_model("Parameters", **fields)


def _strictly(annotation: Any) -> Any:
    """Keep text, true and false out of numbers, and all else out of true and false."""
    if annotation is bool:
        return Truth
    kinds = _kinds(annotation)
    if kinds & {int, float} and not kinds & {bool, str}:
        return Annotated[annotation, BeforeValidator(number)]
    return annotation


def _kinds(annotation: Any) -> set[Any]:
    """List the plain types that an annotation allows."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return {kind for part in get_args(annotation) for kind in _kinds(part)}
    if origin is Literal:
        return {type(value) for value in get_args(annotation)}
    return {annotation}


class ModelChoice(Choice):
    """A network."""

    registry = MODELS
    what = "model"
    may_import = True

    @classmethod
    def _entries(cls, name: str) -> Mapping[str, Entry]:
        try:
            return models_beside(name)
        except BenchError as error:
            raise wrong(" ".join((f"{error.what}.", error.hint)).strip()) from None

    @classmethod
    def _known(cls, name: Any) -> tuple[str, str]:
        name, target = super()._known(name)
        if name not in MODELS:
            _check_installed(name, target)
        return name, target


def _hidden(target: str) -> str:
    """Return the module or package here that one of Python's own or an installed one hides."""
    top = re.split("[.:]", target)[0]
    own = next((p for p in (Path(top, "__init__.py"), Path(f"{top}.py")) if p.is_file()), None)
    if own is None:
        return ""
    found = None if top in sys.stdlib_module_names else source_file(top)
    return "" if found is not None and found.resolve() == own.resolve() else str(own)


def _check_installed(name: str, target: str) -> None:
    """Refuse an installed entry that names no class, or one whose source is no Python."""
    installed = f"model {name} is installed as {shown(target)}"
    if not re.fullmatch(IMPORTED, target):
        raise wrong(f"{installed}, which should read 'package.module:Class'")
    try:
        parameters(target)
    except (OSError, SyntaxError, ValueError) as error:
        raise wrong(f"{installed}, whose source cannot be read: {error}") from None


class OptimizerChoice(Choice):
    """An optimizer."""

    registry = OPTIMIZERS
    what = "optimizer"


class ScheduleChoice(Choice):
    """A learning-rate schedule."""

    registry = SCHEDULES
    what = "schedule"


class LoaderChoice(Choice):
    """A way to bring batches to the network."""

    registry = LOADERS
    what = "loader"


class AugmentationChoice(Choice):
    """Random changes of the training images."""

    registry = AUGMENTATIONS
    what = "augmentation"


class InitialisationChoice(Choice):
    """How the weights begin."""

    registry = INITIALISATIONS
    what = "initialisation"


class AveragingChoice(Choice):
    """An average of the weights."""

    registry = AVERAGINGS
    what = "averaging"
