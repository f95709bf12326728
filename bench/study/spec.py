"""Pydantic models of a study file; every default is the reference configuration."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)

from bench.data.images import NORMALISATIONS
from bench.errors import shown
from bench.measure.openmp_spin import DEFAULT, SPIN_COUNT
from bench.models import MODELS
from bench.records import IDENTITY, Scalar
from bench.registry import Fraction
from bench.study.choice import (
    AugmentationChoice,
    AveragingChoice,
    Boolean,
    Choice,
    Count,
    CountFromZero,
    HookChoice,
    InitialisationChoice,
    LoaderChoice,
    LossChoice,
    MetricChoice,
    ModelChoice,
    OptimizerChoice,
    ScheduleChoice,
    Strict,
    TrainingStepChoice,
    invalid,
    invalid_at,
    known_name,
    number,
)
from bench.study.dataset_choice import DatasetChoice
from bench.study.yaml_source import Source

SECONDS_PER_UNIT = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DEVICE = r"auto|cpu|cuda(:[0-9]{1,3})?"
DURATION = r"([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+"
SEPARATOR = ", "  # of the hooks in a table
MIN_SETS = 6  # of a cell: an interval over fewer timing sets would be too uncertain
STUDY_NAME = r"[a-z0-9][a-z0-9_-]{0,99}"


def _field(default: Any, description: str) -> Any:
    """Declare a field whose default is validated like a value that a user writes."""
    return Field(default=default, validate_default=True, description=description)


def _is_integer(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _threads(value: Any) -> Any:
    if value == "auto" or _is_integer(value, 1):
        return value
    raise invalid(f"expected auto or a positive integer, got {shown(value)}")


def _spin_count(value: Any) -> Any:
    if value in ("auto", DEFAULT) or _is_integer(value, 0):
        return value
    raise invalid(f"expected auto, {DEFAULT} or a non-negative integer, got {shown(value)}")


def _normalisation(name: str) -> str:
    return known_name("normalisation", name, NORMALISATIONS)


def _device(value: Any) -> Any:
    """Return a valid device; `cuda:0` becomes `cuda`."""
    if not isinstance(value, str) or not re.fullmatch(DEVICE, value):
        raise invalid(f"expected auto, cpu, cuda or cuda:N, got {shown(value)}")
    name, _, index = value.partition(":")
    return f"{name}:{int(index)}" if index and int(index) else name


class Cell(Strict):
    """One full configuration, without seed."""

    misplaced: ClassVar[Mapping[str, str]] = {
        "lr": "It belongs to the optimizer: optimizer: {name: adam, lr: …}."
    }

    model: ModelChoice = _field("convnet", "the network")
    dataset: DatasetChoice = _field(
        {"name": "mnist", "fallback": "digits"},
        "the images, and a fallback where they are unavailable",
    )
    batch_size: Count = _field(512, "images per training step")
    optimizer: OptimizerChoice = _field("adam", "the optimizer")
    schedule: ScheduleChoice = _field("constant", "the learning-rate schedule")
    epochs: CountFromZero = _field(20, "passes over the training set; 0: evaluation only")
    device: Annotated[str, BeforeValidator(_device)] = _field(
        "auto", "auto, cpu, cuda or cuda:N; auto is cuda where there is a GPU"
    )
    precision: Literal["fp32", "bf16", "fp16", "tf32"] = _field("fp32", "arithmetic of the network")
    memory_format: Literal["contiguous", "channels_last"] = _field(
        "contiguous", "memory layout of images and weights"
    )
    compile: Boolean = _field(False, "compile the network with torch.compile")
    cuda_graphs: Boolean = _field(False, "run forward and backward as CUDA graphs")
    flush_denormal: Boolean = _field(False, "let the CPU treat denormal numbers as zero")
    loader: LoaderChoice = _field(
        "resident", "tensors kept in memory, or the DataLoader pipeline of the reference"
    )
    normalisation: Annotated[str, AfterValidator(_normalisation)] = _field(
        "standard", f"scaling of pixel values: {', '.join(NORMALISATIONS)}"
    )
    augmentation: AugmentationChoice = _field("none", "random changes of the training images")
    initialisation: InitialisationChoice = _field("default", "initial values of the weights")
    loss: LossChoice = _field("default", "the loss to train by, a mean over the batch")
    label_smoothing: Annotated[Fraction, BeforeValidator(number)] = _field(
        0.0, "share of the target that is spread evenly over all classes"
    )
    clip_norm: (
        Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(number)] | None
    ) = _field(None, "largest norm of all gradients together; longer ones are scaled down to it")
    training_step: TrainingStepChoice = _field(
        "default", "what a step does with its batch; an imported one is timed as a whole"
    )
    accumulation: Count = _field(
        1, "parts of a batch whose gradients are summed before one update of the default step"
    )
    averaging: AveragingChoice = _field("none", "average of the weights to evaluate")
    hooks: list[HookChoice] = _field(
        [], "what changes the training while it runs: before it, after each step, each epoch"
    )
    deterministic: Boolean = _field(
        False, "use bit-reproducible GPU kernels, which can be slower; a CPU always does"
    )
    threads: Annotated[int | str, BeforeValidator(_threads)] = _field(
        "auto", "CPU threads; auto: all available cores"
    )
    spin_count: Annotated[int | str, BeforeValidator(_spin_count)] = _field(
        "auto",
        f"how often a CPU thread spins before it sleeps; auto: {SPIN_COUNT}, "
        f"{DEFAULT}: OpenMP's own (300,000)",
    )
    allocator: Literal["auto", "default"] = _field(
        "auto",
        "auto: freed memory stays with the process; default: as the C library decides, which "
        "differs by chance",
    )

    _cell_id: str = PrivateAttr("")
    _skip: str | None = PrivateAttr(None)

    @property
    def cell_id(self) -> str:
        """The id of a cell resolved for a machine: words, then a digest of the configuration."""
        return self._cell_id

    @property
    def skip(self) -> str | None:
        """The reason why the machine cannot run a resolved cell."""
        return self._skip

    def resolved(self, skip: str | None, **fields: Any) -> "Cell":
        """Return a copy with these fields, its id and its reason to be skipped."""
        cell = self.model_copy(update=fields)
        model = cell.model.name.rsplit(":")[-1]
        words = f"{model}-b{cell.batch_size}-{cell.optimizer.name}-{cell.device}"
        slug = re.sub(r"[^a-z0-9_]+", "-", words.lower())
        canonical = json.dumps(cell.identity(), sort_keys=True)
        cell._cell_id = f"{slug[:80]}-{hashlib.sha256(canonical.encode()).hexdigest()[:8]}"
        cell._skip = skip
        return cell

    def targets(self) -> Iterator[str]:
        """Yield the `module:callable` of every component that the cell names."""
        for _, value in self:
            choices = value if isinstance(value, list) else [value]
            yield from (choice.target for choice in choices if isinstance(choice, Choice))

    def flat(self) -> dict[str, Scalar]:
        """Return the configuration as table columns, parameters by their dotted path.

        `lr` is the optimizer's; `dataset` is its name without the fallback, which does not
        change the cell.
        """
        own: dict[str, Scalar] = {}
        parameters: dict[str, Scalar] = {}
        for name, value in self:
            own[name] = value.name if isinstance(value, Choice) else value
            if isinstance(value, list):
                own[name] = SEPARATOR.join(map(str, value)) or None
            if isinstance(value, Choice):
                parameters |= {f"{name}.{key}": _scalar(v) for key, v in value.parameters.items()}
        own["lr"] = parameters.pop("optimizer.lr", None)
        return {name: own[name] for name in IDENTITY if name in own} | own | parameters

    def identity(self) -> dict[str, Scalar]:
        """Return the fields that identify the cell; later fields count only where they are set."""
        later = LATER if self.model.name not in MODELS else {**LATER, **LATER_OF_MODELS}
        return {k: v for k, v in self.flat().items() if k not in later or v != later[k]}


# Fields added after the first published results, with the values that keep those results valid.
LATER: Mapping[str, Scalar] = {
    "deterministic": False,
    "loss": "default",
    "clip_norm": None,
    "training_step": "default",
    "accumulation": 1,
    "hooks": None,
    "spin_count": "auto",
    "allocator": "auto",
}

# Likewise parameters of built-in networks.
LATER_OF_MODELS: Mapping[str, Scalar] = {"model.in_channels": 1, "model.image_size": 28}

# Fields that take a name with parameters.
CHOICES: Mapping[str, type[Choice]] = {
    name: field.annotation
    for name, field in Cell.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Choice)
}

COMPONENTS: Mapping[str, type[Choice]] = {**CHOICES, "hook": HookChoice, "metric": MetricChoice}


def _scalar(value: Any) -> Scalar:
    """Return a value as a table's cell holds it: lists and mappings as JSON."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return json.dumps(value, sort_keys=True)


def seconds(value: Any) -> Any:
    """Return a duration such as 90, 90s, 10m or 1h30m in seconds."""
    if not isinstance(value, str):
        return number(value)
    text = value.strip()
    if not re.fullmatch(DURATION, text):
        raise invalid(f"invalid duration {shown(value)}. Write it like 90s, 10m or 1h30m")
    parts = re.findall(r"([0-9.]+)(ms|s|m|h|d)", text)
    return sum(float(count) * SECONDS_PER_UNIT[unit] for count, unit in parts)


Duration = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(seconds)]


class Timing(Strict):
    """The timing protocol."""

    sets: Count | None = _field(
        None, "timing sets; as many as fit the budget by default; fewer than 6 give no interval"
    )
    budget: Duration = _field(
        "1m", "time for the timing sets where their number is not given; at least 6 are timed"
    )
    rounds: Count = _field(20, "turns of each cell in a set, after warm-up")
    epochs: CountFromZero = _field(
        1, "timed epochs and evaluations of each cell in each of its first 6 sets"
    )
    spares: CountFromZero = _field(
        4, "most additional sets for cells whose sets the machine disturbed"
    )
    alone: Boolean = _field(True, "time nothing while another run is active, whatever --jobs is")
    blocks: Count | None = Field(None, exclude=True, description="the former name of sets")

    @model_validator(mode="before")
    @classmethod
    def _sets_by_their_former_name(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "blocks" not in data:
            return data
        given = {key: value for key, value in data.items() if key != "blocks"}
        return {"sets": data["blocks"], **given}  # --set may override it by the new name


class Limits(Strict):
    """Limits of a run."""

    trial_timeout: Duration | None = _field(None, "90s, 10m, 1h30m")


def _timing(value: Any) -> Any:
    if not isinstance(value, Mapping | Timing) and value != "off":
        raise invalid("expected off or a mapping such as {sets: 12}")
    return None if value == "off" else value


Pattern = dict[str, Any]
Accuracy = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False), BeforeValidator(number)]
Seed = Annotated[int, Field(ge=0, lt=2**32), BeforeValidator(number)]  # valid for every generator


def _distinct(seeds: list[int]) -> list[int]:
    if not seeds:
        raise invalid("expected at least one value")
    repeated = next((seed for seed, count in Counter(seeds).items() if count > 1), None)
    if repeated is not None:
        raise invalid(f"duplicate seed {repeated}")
    return seeds


def _labelled_apart(metrics: list[MetricChoice]) -> list[MetricChoice]:
    counts = Counter(metric.label for metric in metrics)
    repeated = next((label for label, count in counts.items() if count > 1), None)
    if repeated is not None:
        raise invalid(f"two metrics are called {shown(repeated)}")
    return metrics


class Target(Strict):
    """A value of a metric that training should reach."""

    metric: MetricChoice = Field(description="a metric of which more is better")
    at_least: Annotated[float, Field(allow_inf_nan=False), BeforeValidator(number)] = Field(
        description="the value to reach"
    )

    @field_validator("metric")
    @classmethod
    def _more_is_better(cls, metric: MetricChoice) -> MetricChoice:
        if metric.is_lower_better:
            raise invalid("a target needs a metric of which more is better; return its negative")
        return metric


class Tune(Strict):
    """Axes whose best value is chosen for each cell instead of compared."""

    over: list[str] = Field(min_length=1, description="axes whose best value is chosen")
    by: Literal["validation_accuracy", "halving"] = _field(
        "validation_accuracy",
        "mean accuracy on held-out training images: of every value trained on all others, or, by "
        "successive halving, trained on a ninth of them, then the best third on a third, and the "
        "best ninth on all",
    )
    validation: Annotated[float, Field(gt=0, lt=1), BeforeValidator(number)] = _field(
        0.15, "fraction of the training images that is held out, the last ones"
    )
    seeds: Annotated[list[Seed], AfterValidator(_distinct)] = _field(
        [1000, 1001], "seeds of the tuning trials, none of them in study.seeds"
    )


class Study(Strict):
    """A study file."""

    name: str = Field(description="name of the results folder: lowercase letters, digits, _ and -")
    description: str = _field("", "one line")
    base: Cell = _field({}, "one full configuration; the defaults are the reference's")
    axes: dict[str, list[Any]] = _field({}, "values to vary, by the field's dotted path")
    design: Literal["full", "one_at_a_time", "pairs"] = _field(
        "full", "the full grid; base and every other value alone; or axes zipped"
    )
    include: list[Pattern] = _field([], "additional cells, by their fields that differ from base")
    exclude: list[Pattern] = _field([], "cells to leave out, by any subset of their fields")
    tune: Tune | None = _field(None, "axes whose best value is chosen for every other cell")
    seeds: Annotated[list[Seed], AfterValidator(_distinct)] = Field(
        default=[0], min_length=1, description="seeds; one trial each"
    )
    target_accuracy: Accuracy | None = _field(
        None, "fraction; time_to_target_s is the training time until it is reached"
    )
    metrics: Annotated[list[MetricChoice], AfterValidator(_labelled_apart)] = _field(
        [], "what is computed of the test set after each epoch, besides accuracy"
    )
    target: Target | None = _field(
        None, "a metric and the value to reach, instead of target_accuracy"
    )
    timing: Annotated[Timing | None, BeforeValidator(_timing)] = _field(
        {}, "timing protocol, or off"
    )
    limits: Limits = _field({}, "limits of a run")

    _source: Source = PrivateAttr(default_factory=lambda: Source("study"))

    @property
    def source(self) -> Source:
        """The YAML source, to report the line of a field."""
        return self._source

    @field_validator("name")
    @classmethod
    def _is_a_file_name(cls, name: str) -> str:
        if not re.fullmatch(STUDY_NAME, name):
            raise invalid(
                "expected lowercase letters, digits, _ and -, at most 100, starting with a letter "
                f"or a digit, got {shown(name)}"
            )
        return name

    @field_validator("axes")
    @classmethod
    def _have_values(cls, axes: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for path, values in axes.items():
            if not values:
                raise invalid_at((path,), "expected at least one value", values)
        return axes

    @property
    def tuned(self) -> tuple[str, ...]:
        """The axes whose best value is chosen."""
        return tuple(self.tune.over) if self.tune else ()

    @property
    def measured_metrics(self) -> tuple[MetricChoice, ...]:
        """All metrics, that of the target included."""
        known = {metric.label: metric for metric in self.metrics}
        target = () if self.target is None else (self.target.metric,)
        return (*self.metrics, *(metric for metric in target if metric.label not in known))

    @model_validator(mode="after")
    def _has_one_target(self) -> Self:
        if self.target is None:
            return self
        if self.target_accuracy is not None:
            raise invalid_at(("target",), "is given besides target_accuracy. Leave one out", "")
        named = {metric.label: metric for metric in self.metrics}
        if named.get(self.target.metric.label, self.target.metric) != self.target.metric:
            message = f"another metric is called {shown(self.target.metric.label)}"
            raise invalid_at(("target", "metric"), message, self.target.metric.name)
        return self

    @model_validator(mode="after")
    def _seeds_differ_and_pairs_match(self) -> Self:
        shared = sorted(set(self.seeds) & set(self.tune.seeds if self.tune else ()))
        if shared:
            message = f"seed {shared[0]} is also in seeds; tuning needs other seeds"
            raise invalid_at(("tune", "seeds"), message, shared)
        lengths = {path: len(v) for path, v in self.axes.items() if path not in self.tuned}
        if self.design == "pairs" and len(set(lengths.values())) > 1:
            counts = ", ".join(f"{path} has {n}" for path, n in lengths.items())
            message = f"design pairs needs axes of equal length; {counts}"
            raise invalid_at(("axes",), message, lengths)
        return self

    def as_written(self) -> dict[str, Any]:
        """Return the study with every default, as study.yaml holds it."""
        declared = self.model_dump()
        return declared | {"timing": declared["timing"] or "off"}
