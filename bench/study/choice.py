"""What a study names with parameters: a network, an optimizer, a schedule."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

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

from bench.errors import did_you_mean
from bench.models import MODELS
from bench.optim import OPTIMIZERS, SCHEDULES
from bench.registry import Entry, Parameter, PositiveInt, parameters


def problem(loc: tuple[str | int, ...], message: str, value: Any) -> ValidationError:
    """Make one validation error that stands at `loc`; pydantic puts the path before it."""
    error = PydanticCustomError("study", "{message}", {"message": message})
    return ValidationError.from_exception_data(
        "study", [InitErrorDetails(type=error, loc=loc, input=value)]
    )


class Strict(BaseModel):
    """A frozen model that refuses unknown fields and names the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    @model_validator(mode="before")
    @classmethod
    def _only_known_fields(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    hint = did_you_mean(key, cls.model_fields)
                    raise problem((str(key),), f"unknown field. {hint}".strip(), data[key])
        return data


def number(value: Any) -> Any:
    """Refuse a bool where a number is asked for; YAML's `true` is not 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("study", "a number is asked for, not true or false")
    return value


Count = Annotated[PositiveInt, BeforeValidator(number)]
CountFromZero = Annotated[int, Field(ge=0), BeforeValidator(number)]


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
            raise PydanticCustomError("study", "a name is asked for, or {name: …}")
        given = {str(key): value for key, value in data.items()}
        if "import" in given and cls.may_import:
            target = cls._import_target(given.pop("import"))
            if "name" in given:
                raise problem(("name",), "give either 'name' or 'import'", given["name"])
            name, imported = target, True
        else:
            name, imported = cls._known_name(given.pop("name", None)), False
            target = cls.registry[name].target
        return {
            "name": name,
            "target": target,
            "imported": imported,
            "parameters": _filled(f"{cls.what} {name}", parameters(target), given),
        }

    @classmethod
    def _import_target(cls, target: Any) -> str:
        if not isinstance(target, str) or not re.fullmatch(r"[\w.]+:\w+", target):
            raise problem(("import",), "must read 'package.module:Class'", target)
        return target

    @classmethod
    def _known_name(cls, name: Any) -> str:
        if name is None:
            raise PydanticCustomError("study", "'name' is missing")
        if name not in cls.registry:
            hint = did_you_mean(name, cls.registry)
            message = f"unknown {cls.what} '{name}'. {hint}".strip()
            raise PydanticCustomError("study", "{message}", {"message": message})
        return str(name)

    @model_serializer
    def declared(self) -> dict[str, Any]:
        """Give the choice as a study file writes it, every parameter in full."""
        return {"import" if self.imported else "name": self.name, **self.parameters}


def _filled(
    owner: str, known: tuple[Parameter, ...] | None, given: dict[str, Any]
) -> dict[str, Any]:
    """Check the given parameters against the callable's own, and add its defaults.

    A callable whose source does not tell its parameters takes what is given, as it is.
    """
    if known is None:
        return given
    names = [p.name for p in known]
    for key in given:
        if key not in names:
            hint = did_you_mean(key, names) if names else "It has none."
            raise problem((key,), f"{owner} has no such parameter. {hint}".strip(), given[key])
    fields: dict[str, Any] = {
        p.name: (_strictly(p.annotation), ... if p.required else p.default) for p in known
    }
    model = create_model("Parameters", __config__=ConfigDict(extra="forbid"), **fields)
    return model.model_validate(given).model_dump()


def _strictly(annotation: Any) -> Any:
    """Keep true and false out of numbers, which pydantic would read as 1 and 0."""
    return (
        annotation if annotation in (bool, Any) else Annotated[annotation, BeforeValidator(number)]
    )


class ModelChoice(Choice):
    """A network."""

    registry = MODELS
    what = "model"
    may_import = True


class OptimizerChoice(Choice):
    """An optimizer."""

    registry = OPTIMIZERS
    what = "optimizer"


class ScheduleChoice(Choice):
    """A learning-rate schedule."""

    registry = SCHEDULES
    what = "schedule"
