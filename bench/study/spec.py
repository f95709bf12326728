"""What a study says: pydantic models of the study file, every default the reference set-up."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from bench.data import DATASETS
from bench.data.normalisation import NORMALISATIONS
from bench.errors import did_you_mean, shown
from bench.measure.openmp_spin import DEFAULT, SPIN_COUNT
from bench.records import IDENTITY, Scalar
from bench.registry import Fraction
from bench.study.choice import (
    AugmentationChoice,
    AveragingChoice,
    Choice,
    Count,
    CountFromZero,
    InitialisationChoice,
    LoaderChoice,
    ModelChoice,
    OptimizerChoice,
    ScheduleChoice,
    Strict,
    Truth,
    number,
    problem,
    wrong,
)

SECONDS_PER_UNIT = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DEVICE = r"auto|cpu|cuda(:[0-9]{1,3})?"
DURATION = r"([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+"


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
            raise wrong(f"unknown dataset {shown(name)}. {did_you_mean(name, DATASETS)}".strip())
        return name


def _field(default: Any, description: str) -> Any:
    """Declare a field of a study: checked like what a user writes, described in the schema."""
    return Field(default=default, validate_default=True, description=description)


def _threads(value: Any) -> Any:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise wrong("threads is auto or a positive whole number")


def _spin_count(value: Any) -> Any:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if value in ("auto", DEFAULT) or is_count:
        return value
    raise wrong(f"expected auto, {DEFAULT} or a whole number from 0, got {shown(value)}")


def _normalisation(name: str) -> str:
    if name not in NORMALISATIONS:
        known = did_you_mean(name, NORMALISATIONS)
        raise wrong(f"unknown normalisation {shown(name)}. {known}".strip())
    return name


def _device(value: Any) -> Any:
    """Check a device; `cuda:0` is what `cuda` means, and stands as that."""
    if not isinstance(value, str) or not re.fullmatch(DEVICE, value):
        raise wrong("a device is auto, cpu, cuda or cuda:N")
    name, _, index = value.partition(":")
    return f"{name}:{int(index)}" if index and int(index) else name


class Cell(Strict):
    """One full configuration, without seed; the defaults are the reference document's set-up."""

    elsewhere: ClassVar[Mapping[str, str]] = {
        "lr": "It belongs to the optimizer: optimizer: {name: adam, lr: …}."
    }

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
    compile: Truth = _field(False, "whether torch.compile builds the network")
    cuda_graphs: Truth = _field(False, "whether a GPU launches forward and backward as one graph")
    flush_denormal: Truth = _field(False, "whether the CPU takes denormal numbers for zero")
    loader: LoaderChoice = _field(
        "resident", "resident tensors, or the reference's DataLoader pipeline"
    )
    normalisation: Annotated[str, AfterValidator(_normalisation)] = _field(
        "standard", f"what pixels become: {', '.join(NORMALISATIONS)}"
    )
    augmentation: AugmentationChoice = _field("none", "random changes of the training images")
    initialisation: InitialisationChoice = _field("default", "how the weights begin")
    label_smoothing: Annotated[Fraction, BeforeValidator(number)] = _field(
        0.0, "share of the target that goes to all classes alike"
    )
    averaging: AveragingChoice = _field("none", "an average of the weights to evaluate")
    deterministic: Truth = _field(
        False, "whether a GPU gives the same bits each time, which can be slower; a CPU always does"
    )
    threads: Annotated[int | str, BeforeValidator(_threads)] = _field(
        "auto", "CPU threads; auto: all cores that bench may use"
    )
    spin_count: Annotated[int | str, BeforeValidator(_spin_count)] = _field(
        "auto",
        f"how often a CPU thread spins before it sleeps; auto: {SPIN_COUNT}, "
        f"{DEFAULT}: as OpenMP has it (300,000)",
    )

    def targets(self) -> Iterator[str]:
        """Yield the `module:callable` of everything that the cell names."""
        return (value.target for _, value in self if isinstance(value, Choice))

    def flat(self) -> dict[str, Scalar]:
        """Give the configuration as table columns, parameters by their dotted path.

        `lr` is the optimizer's; `dataset` is the name alone, since a fallback that did not
        serve changes nothing.
        """
        fields = {name: getattr(self, name) for name in Cell.model_fields}
        own: dict[str, Scalar] = {}
        parameters: dict[str, Scalar] = {}
        for name, value in fields.items():
            own[name] = value.name if isinstance(value, Choice | DatasetChoice) else value
            if isinstance(value, Choice):
                parameters |= {f"{name}.{key}": _scalar(v) for key, v in value.parameters.items()}
        own["lr"] = parameters.pop("optimizer.lr", None)
        identity = {name: own[name] for name in IDENTITY if name in own}
        return identity | own | parameters

    def identity(self) -> dict[str, Scalar]:
        """Give what makes the cell another one: a field added to bench later only where it is set.

        So that earlier results of a cell stay those of the same cell.
        """
        return {k: v for k, v in self.flat().items() if k not in LATER or v != LATER[k]}


# Fields that came after the first results were published, and what a cell has without them.
LATER: Mapping[str, Scalar] = {"deterministic": False, "spin_count": "auto"}

# The fields that are a name with parameters.
CHOICES: Mapping[str, type[Choice]] = {
    name: field.annotation
    for name, field in Cell.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Choice)
}


def _scalar(value: Any) -> Scalar:
    """Give a value as a table's cell holds it: lists and mappings as JSON."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return json.dumps(value, sort_keys=True)


def seconds(value: Any) -> Any:
    """Read a duration as people write it: 90, 90s, 10m, 2h, 1h30m."""
    if isinstance(value, str):
        text = value.strip()
        if not re.fullmatch(DURATION, text):
            raise wrong("a duration reads like 90s, 10m or 1h30m")
        parts = re.findall(r"([0-9.]+)(ms|s|m|h|d)", text)
        return sum(float(number) * SECONDS_PER_UNIT[unit] for number, unit in parts)
    return number(value)


Duration = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(seconds)]


class Timing(Strict):
    """How a cell's phases are timed."""

    blocks: Count = _field(6, "fresh processes a cell; fewer than 6 give no interval")
    rounds: Count = _field(30, "timed steps a block, after its warm-up")
    epochs: CountFromZero = _field(1, "whole epochs and evaluations a block")
    spares: CountFromZero = _field(
        4, "at most so many further blocks, for cells in whose blocks the machine was disturbed"
    )
    alone: Truth = _field(True, "whether a block has the machine to itself, whatever --jobs says")


class Limits(Strict):
    """When a run is ended."""

    trial_timeout: Duration | None = _field(None, "90s, 10m, 1h30m")


def _timing(value: Any) -> Any:
    if not isinstance(value, Mapping | Timing) and value != "off":
        raise wrong("timing is off, or a mapping such as {blocks: 6}")
    return None if value == "off" else value


Pattern = dict[str, Any]
Accuracy = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False), BeforeValidator(number)]
# What every random generator takes.
Seed = Annotated[int, Field(ge=0, lt=2**32), BeforeValidator(number)]


def distinct(seeds: list[int]) -> list[int]:
    """Refuse a seed that stands twice, and a list of none."""
    if not seeds:
        raise wrong("needs at least one value")
    if len(set(seeds)) < len(seeds):
        raise wrong("a seed stands here twice")
    return seeds


class Tune(Strict):
    """Which axes are not compared but chosen along, for every remaining cell by itself."""

    over: list[str] = Field(min_length=1, description="the axes whose best value is chosen")
    by: Literal["validation_accuracy"] = _field(
        "validation_accuracy", "mean accuracy on training images that are held out"
    )
    validation: Annotated[float, Field(gt=0, lt=1), BeforeValidator(number)] = _field(
        0.15, "fraction of the training images that is held out, the last ones"
    )
    seeds: list[Seed] = _field([1000, 1001], "of the trials that choose; none is in study.seeds")

    @field_validator("seeds")
    @classmethod
    def _are_distinct(cls, seeds: list[int]) -> list[int]:
        return distinct(seeds)


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
    tune: Tune | None = _field(None, "axes of which each other cell gets the best value")
    seeds: list[Seed] = Field(default=[0], min_length=1, description="a trial each")
    target_accuracy: Accuracy | None = _field(
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
            raise wrong(
                "a name has small letters, digits, _ and - only, begins with a letter or a digit, "
                "and is no longer than 100"
            )
        return name

    @field_validator("seeds")
    @classmethod
    def _are_distinct(cls, seeds: list[int]) -> list[int]:
        return distinct(seeds)

    @field_validator("axes")
    @classmethod
    def _have_values(cls, axes: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for path, values in axes.items():
            if not values:
                raise problem((path,), "an axis needs at least one value", values)
        return axes

    @property
    def tuned(self) -> tuple[str, ...]:
        """The axes whose values are chosen among, not compared."""
        return tuple(self.tune.over) if self.tune else ()

    @model_validator(mode="after")
    def _tunes_with_other_seeds(self) -> Self:
        shared = sorted(set(self.seeds) & set(self.tune.seeds if self.tune else ()))
        if shared:
            told = f"{shared[0]} is in seeds, too: what is chosen must be compared by fresh seeds"
            raise problem(("tune", "seeds"), told, shared)
        return self

    @model_validator(mode="after")
    def _pairs_are_paired(self) -> Self:
        lengths = {path: len(v) for path, v in self.axes.items() if path not in self.tuned}
        if self.design == "pairs" and len(set(lengths.values())) > 1:
            counted = ", ".join(f"{path} has {n}" for path, n in lengths.items())
            raise problem(("axes",), f"design pairs needs axes of one length; {counted}", lengths)
        return self
