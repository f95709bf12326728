"""Fields of a study that name a component with parameters: a model, an optimizer, a schedule."""

import json
import math
import re
import sys
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

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
from bench.data.images import DataShape
from bench.errors import BenchError, did_you_mean, shown
from bench.import_graph import source_file
from bench.metrics import METRICS
from bench.models import INITIALISATIONS, MODELS
from bench.models.model_lookup import candidate_models
from bench.optim import AVERAGINGS, HOOKS, LOSSES, OPTIMIZERS, SCHEDULES, TRAINING_STEPS
from bench.records import PHASES
from bench.registry import NOTHING, Entry, Passed, PositiveInt, installed, missing, parameters

ACCURACIES = ("accuracy", "test_accuracy")  # always measured
IMPORT_TARGET = r"\w+(\.\w+)*:\w+"


def invalid(message: str) -> PydanticCustomError:
    """Return an error with this message at the field that is being validated."""
    return PydanticCustomError("study", "{message}", {"message": message})


def invalid_at(loc: tuple[str | int, ...], message: str, value: Any) -> ValidationError:
    """Return an error with this message at `loc` below the field that is being validated."""
    details = InitErrorDetails(type=invalid(message), loc=loc, input=value)
    return ValidationError.from_exception_data("study", [details])


def known_name(kind: str, name: Any, known: Collection[str]) -> str:
    """Return a known name; raise an error with the nearest one for any other value."""
    if isinstance(name, str) and name in known:
        return name
    raise invalid(f"unknown {kind} {shown(name)}. {did_you_mean(name, known)}".strip())


class Strict(BaseModel):
    """A frozen model that rejects unknown fields and suggests the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)
    misplaced: ClassVar[Mapping[str, str]] = {}  # hints for fields that belong elsewhere

    @model_validator(mode="before")
    @classmethod
    def _only_known_fields(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    hint = cls.misplaced.get(key) or did_you_mean(key, cls.model_fields)
                    raise invalid_at((str(key),), f"unknown field. {hint}".strip(), data[key])
        return data


def number(value: Any) -> Any:
    """Return a number as it is; raise for booleans and text, which pydantic would convert."""
    if isinstance(value, bool):
        raise invalid("expected a number, got a boolean")
    if isinstance(value, str):
        raise invalid(f"expected a number, got the text {shown(value)}")
    return value


Count = Annotated[PositiveInt, BeforeValidator(number)]
CountFromZero = Annotated[int, Field(ge=0), BeforeValidator(number)]
Boolean = Annotated[bool, Field(strict=True)]


class Choice(BaseModel):
    """A name from a registry, or a callable of the user's own, with all of its parameters.

    Written as `name`, as `{name: …, parameter: value}` or as `{import: "package.module:callable",
    parameter: value}`. Installed packages add names by entry points of the group
    `bench.optimizers`, and so on.
    """

    model_config = ConfigDict(frozen=True)
    registry: ClassVar[Mapping[str, Entry]] = {}
    kind: ClassVar[str]  # "training step" of TrainingStepChoice
    plural: ClassVar[str]  # "training_steps", as in the group of entry points
    may_import: ClassVar[bool] = True
    passed: ClassVar[Passed] = NOTHING
    # Parameters of the harness itself where a callable is not built in, the first value by default.
    settings: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    name: str
    target: str
    imported: bool = False
    parameters: dict[str, Any] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        words = re.findall("[A-Z][a-z]*", cls.__name__.removesuffix("Choice"))
        cls.kind = " ".join(words).lower()
        cls.plural = f"{cls.kind}es" if cls.kind.endswith("s") else f"{cls.kind}s"
        cls.plural = cls.plural.replace(" ", "_")

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, data: Any) -> Any:
        if isinstance(data, Choice):
            data = data.declared()
        if isinstance(data, str):
            data = {"name": data}
        if not isinstance(data, Mapping):
            raise invalid("expected a name or {name: …}")
        given = {str(key): value for key, value in data.items()}
        imported = "import" in given
        if imported:
            name = target = cls._import_target(given.pop("import"))
            if "name" in given:
                raise invalid_at(("name",), "expected 'name' or 'import', got both", given["name"])
        else:
            name, target = cls._registered(given.pop("name", None))
        completed = cls._complete(name, target, given)
        return {"name": name, "target": target, "imported": imported, "parameters": completed}

    @classmethod
    def _import_target(cls, target: Any) -> str:
        if not cls.may_import:
            raise invalid_at(("import",), f"a {cls.kind} cannot be imported", target)
        if not isinstance(target, str) or not re.fullmatch(IMPORT_TARGET, target):
            raise invalid_at(("import",), "expected 'package.module:callable'", target)
        if own := _shadowed_module(target):
            message = f"{own} is hidden by another module of that name. Rename it"
            raise invalid_at(("import",), message, target)
        if problem := _unreadable(target, cls.passed):
            raise invalid_at(("import",), f"cannot read its source: {problem}", target)
        if problem := missing(target):
            raise invalid_at(("import",), problem, target)
        return target

    @classmethod
    def _complete(cls, name: str, target: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return all parameters; those of the harness itself only for what is not built in."""
        own = {} if name in cls.registry else cls.settings
        chosen = {key: given.get(key, values[0]) for key, values in own.items()}
        for key, values in own.items():
            if chosen[key] not in values:
                message = f"expected {' or '.join(values)}, got {shown(chosen[key])}"
                raise invalid_at((key,), message, chosen[key])
        rest = {key: value for key, value in given.items() if key not in own}
        return {**_checked(f"{cls.kind} {name}", target, cls.passed, rest), **chosen}

    def for_target(self) -> dict[str, Any]:
        """Return the parameters that the target takes: all but those of the harness itself."""
        own = () if self.name in self.registry else self.settings
        return {key: value for key, value in self.parameters.items() if key not in own}

    @classmethod
    def _registered(cls, name: Any) -> tuple[str, str]:
        if name is None:
            raise invalid("'name' is missing")
        known = cls.entries(name if isinstance(name, str) else "")
        target = known[known_name(cls.kind, name, known)].target
        if name not in cls.registry:
            _check_entry_point(f"{cls.kind} {name}", target, cls.passed)
        return name, target

    @classmethod
    def entries(cls, name: str = "") -> Mapping[str, Entry]:
        """Return what a name may stand for; all of it without a name. Built-in names win."""
        if name in cls.registry or not cls.may_import:
            return cls.registry
        return {**cls.registry, **installed(f"bench.{cls.plural}"), **cls.registry}

    @property
    def label(self) -> str:
        """The name, with the parameters that differ from their defaults."""
        defaults = {p.name: p.default for p in parameters(self.target, self.passed) or ()}
        given = [
            f"{key}={json.dumps(value, ensure_ascii=False)}"
            for key, value in self.for_target().items()
            if key not in defaults or value != defaults[key]
        ]
        return f"{self.name}({', '.join(given)})" if given else self.name

    def __str__(self) -> str:
        """Return the name with its parameters, as a table shows one of several."""
        given = ", ".join(f"{key}={json.dumps(value)}" for key, value in self.parameters.items())
        return f"{self.name}({given})" if given else self.name

    @model_serializer
    def declared(self) -> dict[str, Any]:
        """Return the choice as a study file writes it, with every parameter."""
        return {"import" if self.imported else "name": self.name, **self.parameters}


def _checked(owner: str, target: str, passed: Passed, given: dict[str, Any]) -> dict[str, Any]:
    """Return the given parameters, checked against the callable's signature, with its defaults.

    Unchecked where the source has no readable signature; defaults that are no literals are left
    to the callable.
    """
    for key, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise invalid_at((key,), f"expected a finite number, got {value}", value)
    known = parameters(target, passed)
    if known is None:
        return given
    names = [p.name for p in known]
    for key in given:
        if key not in names:
            hint = did_you_mean(key, names) if names else "It has none."
            message = f"{owner} has no parameter '{key}'. {hint}".strip()
            raise invalid_at((key,), message, given[key])
    checker = _parameter_model(target, passed)
    checked = checker.model_validate(given).model_dump(by_alias=True, exclude_unset=True)
    values = {p.name: p.default for p in known if p.is_literal} | checked
    return {name: values[name] for name in names if name in values}


@cache
def _parameter_model(target: str, passed: Passed) -> type[BaseModel]:
    """Return a model of a callable's parameters; names are aliases, since any name is allowed."""
    fields: dict[str, Any] = {
        f"p{i}": (_strict(p.annotation), Field(... if p.required else None, alias=p.name))
        for i, p in enumerate(parameters(target, passed) or ())
    }
    return create_model("Parameters", **fields)


def _strict(annotation: Any) -> Any:
    """Return an annotation that converts neither text nor booleans to numbers, nor vice versa."""
    if annotation is bool:
        return Boolean
    types = _plain_types(annotation)
    if types & {int, float} and not types & {bool, str}:
        return Annotated[annotation, BeforeValidator(number)]
    return annotation


def _plain_types(annotation: Any) -> set[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _plain_types(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return {t for part in get_args(annotation) for t in _plain_types(part)}
    if origin is Literal:
        return {type(value) for value in get_args(annotation)}
    return {annotation}


class ModelChoice(Choice):
    """A network.

    Where it has parameters `in_channels`, `classes` and `image_size` that a study does not set, it
    gets those of the data.
    """

    registry = MODELS
    passed = Passed(filled=("in_channels", "classes", "image_size"))

    # Parameters that are left to the data; until it is known, they have their defaults.
    left: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, data: Any) -> Any:
        resolved: dict[str, Any] = super()._resolve(data)  # type: ignore[operator]
        given = data.declared() if isinstance(data, Choice) else data
        known = {p.name for p in parameters(resolved["target"], cls.passed) or ()}
        left = [name for name in cls.passed.filled if name in known and name not in given]
        return {**resolved, "left": left}

    def for_data(self, shape: DataShape) -> "ModelChoice":
        """Return the choice with what the data set gives."""
        values = {
            "in_channels": shape.channels,
            "classes": shape.classes,
            "image_size": shape.image_size,
        }
        given = {**self.parameters, **{name: values[name] for name in self.left}}
        known = [p.name for p in parameters(self.target, self.passed) or ()]
        ordered = {name: given[name] for name in known if name in given}
        return self.model_copy(update={"parameters": {**ordered, **given}})

    @model_serializer
    def declared(self) -> dict[str, Any]:
        """Return the choice as a study file writes it, without what is left to the data."""
        given = {key: value for key, value in self.parameters.items() if key not in self.left}
        return {"import" if self.imported else "name": self.name, **given}

    def resized(self, shape: DataShape) -> "ModelChoice":
        """Return the choice for images of another size, if it depends on the size."""
        if "image_size" not in self.parameters:
            return self
        resized = {**self.parameters, "image_size": shape.image_size}
        return self.model_copy(update={"parameters": resized})

    @classmethod
    def entries(cls, name: str = "") -> Mapping[str, Entry]:
        """Return also torchvision's networks for a name that starts with `torchvision:`."""
        try:
            return candidate_models(name)
        except BenchError as error:
            raise invalid(" ".join((f"{error.what}.", error.hint)).strip()) from None


def _check_entry_point(what: str, target: str, passed: Passed) -> None:
    installed_as = f"{what} is installed as {shown(target)}"
    if not re.fullmatch(IMPORT_TARGET, target):
        raise invalid(f"{installed_as}, expected 'package.module:callable'")
    if problem := _unreadable(target, passed):
        raise invalid(f"{installed_as}, whose source cannot be read: {problem}")


def _unreadable(target: str, passed: Passed) -> str:
    try:
        parameters(target, passed)
    except (OSError, SyntaxError, ValueError) as error:
        return str(error)
    return ""


def _shadowed_module(target: str) -> str:
    """Return the local module that a standard or installed module of the same name hides."""
    top = re.split("[.:]", target)[0]
    own = next((p for p in (Path(top, "__init__.py"), Path(f"{top}.py")) if p.is_file()), None)
    if own is None:
        return ""
    found = None if top in sys.stdlib_module_names else source_file(top)
    return "" if found is not None and found.resolve() == own.resolve() else str(own)


class OptimizerChoice(Choice):
    """An optimizer."""

    registry = OPTIMIZERS
    passed = Passed(1)


class ScheduleChoice(Choice):
    """A learning-rate schedule."""

    registry = SCHEDULES
    passed = Passed(1, ("span",))
    settings: ClassVar[Mapping[str, tuple[str, ...]]] = {"every": ("step", "epoch")}

    @property
    def is_by_epoch(self) -> bool:
        """Whether a schedule that is not built in is stepped after each epoch, not each step."""
        return bool(self.parameters.get("every") == "epoch")


class LossChoice(Choice):
    """The loss."""

    registry = LOSSES
    passed = Passed(2, to_instance=True)


class LoaderChoice(Choice):
    """A way to load batches."""

    registry = LOADERS
    may_import = False


class AugmentationChoice(Choice):
    """Random changes of the training images."""

    registry = AUGMENTATIONS
    passed = Passed(1, ("generator", "black", "labels", "classes"), to_instance=True)
    settings: ClassVar[Mapping[str, tuple[str, ...]]] = {"per": ("batch", "image")}

    @property
    def is_by_image(self) -> bool:
        """Whether an augmentation that is not built in is called for each image, not each batch."""
        return bool(self.parameters.get("per") == "image")


class InitialisationChoice(Choice):
    """Initial values of the weights."""

    registry = INITIALISATIONS
    passed = Passed(1)


class TrainingStepChoice(Choice):
    """What is done with a batch in a training step."""

    registry = TRAINING_STEPS
    passed = Passed(3, to_instance=True)


class HookChoice(Choice):
    """What changes a training while it runs."""

    registry = HOOKS
    passed = Passed(0)

    @classmethod
    def _complete(cls, name: str, target: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return all parameters; a function that would be called with the training is no hook."""
        known = parameters(target, cls.passed) or ()
        if any(p.name == "training" and p.required for p in known) and "training" not in given:
            methods = "before_training, after_step or after_epoch"
            raise invalid(f"expected a class with {methods}, got a function of `training`")
        return super()._complete(name, target, given)


class MetricChoice(Choice):
    """A metric of the test set, besides accuracy."""

    registry = METRICS
    passed = Passed(2, to_instance=True)
    settings: ClassVar[Mapping[str, tuple[str, ...]]] = {"better": ("higher", "lower")}

    @property
    def label(self) -> str:
        """The name of its rows in tables: that of an imported function without its module."""
        module, _, _ = self.name.rpartition(":")
        return super().label.removeprefix(f"{module}:")

    @property
    def is_lower_better(self) -> bool:
        """Whether a lower value is better, as of an error."""
        return bool(self.parameters.get("better") == "lower")

    @model_validator(mode="after")
    def _is_no_other_measure(self) -> Self:
        if self.label in (*PHASES, *ACCURACIES):
            name = shown(self.label)
            raise invalid(f"{name} is the name of another measure; rename the function")
        return self

    @classmethod
    def _registered(cls, name: Any) -> tuple[str, str]:
        if name in ACCURACIES:
            raise invalid("accuracy is always measured; `target_accuracy` is its target")
        return super()._registered(name)


class AveragingChoice(Choice):
    """An average of the weights."""

    registry = AVERAGINGS
    passed = Passed(1, ("span",))
