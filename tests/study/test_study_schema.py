"""The JSON Schema of a study: it takes what the loader takes, and names all that is registered."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.data import AUGMENTATIONS, DATASETS, LOADERS
from bench.models import INITIALISATIONS, MODELS
from bench.optim import AVERAGINGS, LOSSES, OPTIMIZERS, SCHEDULES
from bench.registry import parameters
from bench.study.json_schema import study_schema
from bench.study.spec import COMPONENTS, Cell, Study
from bench.study.yaml_source import read_value

SCHEMA = study_schema()
STUDIES = Path(__file__).parents[2] / "studies"
REPOSITORYS = sorted(STUDIES.rglob("*.yaml"))
TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "integer": lambda v: isinstance(v, int | float) and not isinstance(v, bool) and v == int(v),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
}
TOLD = {"$schema", "$defs", "title", "description", "default"}


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """Check a value by the keywords that study_schema uses; any other keyword is an error here."""
    if "$ref" in schema:
        return accepts(SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], value)
    checks: dict[str, Callable[[Any], bool]] = {
        "type": lambda kind: TYPES[kind](value),
        "anyOf": lambda forms: any(accepts(form, value) for form in forms),
        "enum": lambda known: value in known,
        "const": lambda only: value == only,
        "pattern": lambda rule: not isinstance(value, str) or bool(re.search(rule, value)),
        "required": lambda names: not isinstance(value, dict) or set(names) <= set(value),
        "properties": lambda known: (
            not isinstance(value, dict)
            or all(accepts(known[k], v) for k, v in value.items() if k in known)
        ),
        "patternProperties": lambda known: all(
            accepts(rule, v)
            for pattern, rule in known.items()
            for k, v in (value.items() if isinstance(value, dict) else ())
            if re.search(pattern, k)
        ),
        "additionalProperties": lambda rule: accepts_others(schema, rule, value),
        "items": lambda rule: not isinstance(value, list) or all(accepts(rule, v) for v in value),
        "minItems": lambda n: not isinstance(value, list) or len(value) >= n,
        "minimum": lambda n: not TYPES["number"](value) or value >= n,
        "maximum": lambda n: not TYPES["number"](value) or value <= n,
        "exclusiveMinimum": lambda n: not TYPES["number"](value) or value > n,
        "exclusiveMaximum": lambda n: not TYPES["number"](value) or value < n,
    }
    return all(checks[keyword](rule) for keyword, rule in schema.items() if keyword not in TOLD)


def accepts_others(schema: dict[str, Any], rule: Any, value: Any) -> bool:
    if not isinstance(value, dict):
        return True
    patterns = schema.get("patternProperties", {})
    others = {
        k: v
        for k, v in value.items()
        if k not in schema.get("properties", {}) and not any(re.search(p, k) for p in patterns)
    }
    if isinstance(rule, bool):
        return rule or not others
    return all(accepts(rule, v) for v in others.values())


def forms(choice: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = SCHEMA["$defs"][choice]["anyOf"]
    return found


def test_it_is_json() -> None:
    assert json.loads(json.dumps(SCHEMA, allow_nan=False)) == SCHEMA


def test_it_names_its_meta_schema() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_field_is_present_and_described() -> None:
    assert SCHEMA["properties"].keys() == Study.model_fields.keys()
    assert SCHEMA["required"] == ["name"]
    cell = SCHEMA["$defs"]["Cell"]
    assert cell["properties"].keys() == Cell.model_fields.keys()
    for name, field in (SCHEMA["properties"] | cell["properties"]).items():
        assert field.get("description"), name


def named(form: Any) -> bool:
    return "name" in form.get("required", [])


@pytest.mark.parametrize(
    ("choice", "registry"),
    [
        ("ModelChoice", MODELS),
        ("OptimizerChoice", OPTIMIZERS),
        ("ScheduleChoice", SCHEDULES),
        ("LossChoice", LOSSES),
        ("LoaderChoice", LOADERS),
        ("AugmentationChoice", AUGMENTATIONS),
        ("InitialisationChoice", INITIALISATIONS),
        ("AveragingChoice", AVERAGINGS),
    ],
)
def test_every_name_and_parameter_is_present(choice: str, registry: Any) -> None:
    names, *written_out = forms(choice)
    passed = next(each for each in COMPONENTS.values() if each.__name__ == choice).passed
    assert names["enum"] == list(registry)
    names_told = [f["properties"]["name"].get("const") for f in written_out if named(f)]
    by_name = dict(zip(names_told, filter(named, written_out), strict=True))
    for name, entry in registry.items():
        properties = by_name[name]["properties"]
        defaults = {k: v["default"] for k, v in properties.items() if k != "name"}
        expected = {p.name: p.default for p in parameters(entry.target, passed) or ()}
        assert defaults == json.loads(json.dumps(expected))  # a tuple is a list


def test_every_data_set_is_present_and_may_have_a_fallback() -> None:
    names, *written_out = forms("DatasetChoice")
    assert names["enum"] == list(DATASETS)
    objects = [form for form in written_out if form["type"] == "object"]
    assert {form["properties"]["name"].get("const") for form in objects if named(form)} >= set(
        DATASETS
    )
    fallbacks = [None, "mnist", "fashion_mnist", "kmnist", "digits", "shapes"]
    assert all(form["properties"]["fallback"]["enum"] == fallbacks for form in objects)


@pytest.mark.parametrize("path", REPOSITORYS, ids=lambda p: p.stem)
def test_it_takes_every_study_of_the_repository(path: Path) -> None:
    assert accepts(SCHEMA, read_value(path.read_text(encoding="utf-8"), path.name))


VALID = [
    "name: x",
    "{name: x, timing: off}",
    "{x-base: &base {epochs: 2}, x-: 1, name: x, base: {<<: *base, batch_size: 5}}",
    "{name: x, timing: {sets: 2}, limits: {trial_timeout: 10m}}",
    "{name: x, timing: {blocks: 2}}",
    "{name: x, timing: {budget: 90s}}",
    "{name: x, limits: {trial_timeout: 90}}",
    "{name: x, limits: {trial_timeout: 1h30m}, target_accuracy: 0.98}",
    "{name: x, base: {device: 'cuda:1', threads: 4, compile: true, precision: bf16}}",
    "{name: x, base: {model: {import: 'a.b:C', anything: 5}, optimizer: {name: sgd, lr: 1e-2}}}",
    "{name: x, base: {dataset: {name: mnist, fallback: digits}, schedule: cosine}}",
    "{name: x, axes: {model.hidden: [1, 2], model: [convnet]}, seeds: [0, 1]}",
    "{name: x, include: [{lr: 1}], exclude: [{lr: 1, epochs: 20}], design: one_at_a_time}",
]
INVALID = [
    "{}",
    "name: ../x",
    "{name: x, bse: 1}",
    "{name: x, timing: on}",
    "{name: x, timing: {sets: 0}}",
    "{name: x, limits: {trial_timeout: 10 minutes}}",
    "{name: x, limits: {trial_timeout: 0}}",
    "{name: x, base: {device: gpu}}",
    "{name: x, base: {threads: 0}}",
    "{name: x, base: {compile: on}}",
    "{name: x, base: {batch_size: '64'}}",
    "{name: x, base: {model: convnett}}",
    "{name: x, base: {model: {name: convnet, hiden: 5}}}",
    "{name: x, base: {model: {name: convnet, hidden: -1}}}",
    "{name: x, base: {model: {import: 'no class'}}}",
    "{name: x, base: {optimizer: {name: sgd, momentum: 1}}}",
    "{name: x, base: {loader: {import: 'a:B'}}}",
    "{name: x, base: {dataset: mnits}}",
    "{name: x, axes: {epochs: 5}}",
    "{name: x, design: grid}",
    "{name: x, seeds: []}",
    "{name: x, target_accuracy: 98}",
]


def test_a_json_schema_validator_agrees() -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator
    validator.check_schema(SCHEMA)
    takes = validator(SCHEMA).is_valid
    studies = [path.read_text(encoding="utf-8") for path in REPOSITORYS]
    assert [text for text in [*studies, *VALID] if not takes(read_value(text, "here"))] == []
    assert [text for text in INVALID if takes(read_value(text, "here"))] == []


@pytest.mark.parametrize("path", REPOSITORYS, ids=lambda p: p.stem)
def test_every_study_names_the_schema_in_its_first_line(path: Path) -> None:
    first, _, _ = path.read_text(encoding="utf-8").partition("\n")
    start, schema = first.split("=")
    assert start == "# yaml-language-server: $schema"
    assert (path.parent / schema).resolve() == STUDIES / "schema.json"


@pytest.mark.parametrize("text", VALID)
def test_it_takes_what_the_loader_takes(loaded: Callable[..., Any], text: str) -> None:
    assert loaded(text)
    assert accepts(SCHEMA, read_value(text, "here"))


@pytest.mark.parametrize("text", INVALID)
def test_it_refuses_what_the_loader_refuses(refusal: Callable[..., str], text: str) -> None:
    assert refusal(text)
    assert not accepts(SCHEMA, read_value(text, "here"))
