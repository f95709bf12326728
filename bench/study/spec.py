"""What a study says: pydantic models of the study file, every default the reference set-up."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from bench.data import DATASETS
from bench.errors import did_you_mean
from bench.models import MODELS
from bench.optim import OPTIMIZERS, SCHEDULES
from bench.records import Scalar
from bench.registry import Entry, Parameter, PositiveInt, parameters

SECONDS_PER_UNIT = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


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


def _number(value: Any) -> Any:
    """Refuse a bool where a number is asked for; YAML's `true` is not 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("study", "a number is asked for, not true or false")
    return value


Count = Annotated[PositiveInt, BeforeValidator(_number)]
CountFromZero = Annotated[int, Field(ge=0), BeforeValidator(_number)]


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
        annotation if annotation in (bool, Any) else Annotated[annotation, BeforeValidator(_number)]
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


class DatasetChoice(Strict):
    """A data set, and the one that serves where it cannot be had."""

    name: str
    fallback: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data

    @field_validator("name", "fallback")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in DATASETS:
            message = f"unknown dataset '{name}'. {did_you_mean(name, DATASETS)}".strip()
            raise PydanticCustomError("study", "{message}", {"message": message})
        return name


def _field(default: Any, description: str) -> Any:
    """Declare a field of a study: checked like what a user writes, described in the schema."""
    return Field(default=default, validate_default=True, description=description)


def _threads(value: Any) -> Any:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise PydanticCustomError("study", "threads is auto or a positive whole number")


def _device(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise PydanticCustomError("study", "a device is auto, cpu, cuda or cuda:N")
    return value


class Cell(Strict):
    """One full configuration, without seed; the defaults are the reference document's set-up."""

    model: ModelChoice = _field("convnet", "the network")
    dataset: DatasetChoice = _field(
        {"name": "mnist", "fallback": "digits"}, "the images; a fallback serves without them"
    )
    batch_size: Count = _field(512, "images a training step")
    optimizer: OptimizerChoice = _field("adam", "the optimizer")
    schedule: ScheduleChoice = _field("constant", "how the learning rate goes")
    epochs: CountFromZero = _field(20, "passes over the training set; 0: evaluation only")
    device: Annotated[str, BeforeValidator(_device)] = _field(
        "auto", "auto, cpu, cuda or cuda:N; auto is cuda where there is one"
    )
    precision: Literal["fp32", "bf16", "fp16", "tf32"] = _field("fp32", "arithmetic of the network")
    memory_format: Literal["contiguous", "channels_last"] = _field(
        "contiguous", "order of an image's values in memory"
    )
    compile: bool = _field(False, "whether torch.compile builds the network")
    loader: Literal["resident", "dataloader"] = _field(
        "resident", "resident tensors, or the reference's DataLoader pipeline"
    )
    threads: Annotated[int | str, BeforeValidator(_threads)] = _field(
        "auto", "CPU threads; auto: all cores that bench may use"
    )

    def flat(self) -> dict[str, Scalar]:
        """Give the configuration as table columns, parameters by their dotted path.

        `lr` is the optimizer's; `dataset` is the name alone, since a fallback that did not
        serve changes nothing.
        """
        own: dict[str, Scalar] = {
            "model": self.model.name,
            "dataset": self.dataset.name,
            "batch_size": self.batch_size,
            "optimizer": self.optimizer.name,
            "lr": self.optimizer.parameters.get("lr"),
            "device": self.device,
            "precision": self.precision,
            "memory_format": self.memory_format,
            "compile": self.compile,
            "loader": self.loader,
            "threads": self.threads,
            "schedule": self.schedule.name,
            "epochs": self.epochs,
        }
        for room in ("model", "optimizer", "schedule"):
            choice: Choice = getattr(self, room)
            own |= {f"{room}.{key}": value for key, value in choice.parameters.items()}
        own.pop("optimizer.lr", None)
        return own


def seconds(value: Any) -> Any:
    """Read a duration as people write it: 90, 90s, 10m, 2h, 1h30m."""
    if isinstance(value, str):
        text = value.strip()
        units = "|".join(SECONDS_PER_UNIT)
        if not re.fullmatch(rf"(\d+(\.\d+)?({units}))+", text):
            raise PydanticCustomError("study", "a duration reads like 90s, 10m or 1h30m")
        parts = re.findall(rf"(\d+(?:\.\d+)?)({units})", text)
        return sum(float(number) * SECONDS_PER_UNIT[unit] for number, unit in parts)
    return _number(value)


Duration = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(seconds)]


class Timing(Strict):
    """How a cell's phases are timed."""

    blocks: Count = _field(6, "fresh processes a cell; fewer than 6 give no interval")
    rounds: Count = _field(30, "timed steps a block, after its warm-up")
    epochs: CountFromZero = _field(1, "whole epochs and evaluations a block")


class Limits(Strict):
    """When a run is ended."""

    trial_timeout: Duration | None = _field(None, "90s, 10m, 1h30m")


def _timing(value: Any) -> Any:
    if not isinstance(value, Mapping | Timing) and value != "off":
        raise PydanticCustomError("study", "timing is off, or a mapping such as {blocks: 6}")
    return None if value == "off" else value


Pattern = dict[str, Any]


class Study(Strict):
    """A study file."""

    name: str = Field(description="names the results folder: small letters, digits, _ and -")
    description: str = _field("", "one line")
    base: Cell = _field({}, "one full configuration; what is not said is the reference's")
    axes: dict[str, list[Any]] = _field({}, "what varies: a field's dotted path, its values")
    design: Literal["full", "one_at_a_time", "pairs"] = _field(
        "full", "the full grid; the base and each other value alone; or axes zipped"
    )
    include: list[Pattern] = _field([], "extra cells, each by its fields that differ from base")
    exclude: list[Pattern] = _field([], "cells to leave out, by any subset of their fields")
    seeds: list[CountFromZero] = Field(default=[0], min_length=1, description="a trial each")
    target_accuracy: Annotated[float, Field(gt=0, le=1), BeforeValidator(_number)] | None = _field(
        None, "fraction; time_to_target_s says when it was reached"
    )
    timing: Annotated[Timing | None, BeforeValidator(_timing)] = _field(
        {}, "how phases are timed, or off"
    )
    limits: Limits = _field({}, "when a run is ended")

    @field_validator("name")
    @classmethod
    def _is_a_file_name(cls, name: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,99}", name):
            raise PydanticCustomError(
                "study", "a name has small letters, digits, _ and - only, and is no longer than 100"
            )
        return name

    @field_validator("seeds")
    @classmethod
    def _are_distinct(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise PydanticCustomError("study", "a seed stands here twice")
        return seeds

    @field_validator("axes")
    @classmethod
    def _have_values(cls, axes: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for path, values in axes.items():
            if not values:
                raise problem((path,), "an axis needs at least one value", values)
        return axes

    @model_validator(mode="after")
    def _pairs_are_paired(self) -> Self:
        lengths = {path: len(values) for path, values in self.axes.items()}
        if self.design == "pairs" and len(set(lengths.values())) > 1:
            counted = ", ".join(f"{path} has {n}" for path, n in lengths.items())
            raise problem(("axes",), f"design pairs needs axes of one length; {counted}", lengths)
        return self
