"""The JSON Schema of a study file, from the models and registries that check it."""

import json
from typing import Any

from pydantic import TypeAdapter

from bench.data import NAMED_DATASETS
from bench.data.images import NORMALISATIONS
from bench.measure.openmp_spin import DEFAULT
from bench.models.model_lookup import TORCHVISION
from bench.registry import Entry, Parameter, Passed, parameters
from bench.study.choice import IMPORT_TARGET, Choice, ModelChoice
from bench.study.dataset_choice import DatasetChoice
from bench.study.spec import COMPONENTS, DEVICE, DURATION, STUDY_NAME, Study
from bench.study.study_file import TEMPLATE

Schema = dict[str, Any]


def study_schema() -> Schema:
    """Return the schema with which editors complete and check studies."""
    schema = Study.model_json_schema()
    definitions = schema["$defs"]
    for choice in COMPONENTS.values():
        definitions[choice.__name__] = _choice(choice)
    fields = definitions["Cell"]["properties"]
    fields["spin_count"]["anyOf"] = [
        {"enum": ["auto", DEFAULT]},
        {"type": "integer", "minimum": 0},
    ]
    fields["threads"]["anyOf"] = [{"const": "auto"}, {"type": "integer", "minimum": 1}]
    fields["normalisation"]["enum"] = list(NORMALISATIONS)
    fields["device"]["anyOf"] = [{"enum": ["auto", "cpu", "cuda"]}, {"pattern": f"^({DEVICE})$"}]
    written = {"type": "string", "pattern": f"^{DURATION}$"}
    definitions["Limits"]["properties"]["trial_timeout"]["anyOf"].append(written)
    budget = definitions["Timing"]["properties"]["budget"]
    number = {key: budget.pop(key) for key in ("exclusiveMinimum", "type")}
    budget["anyOf"] = [number, written]
    schema["properties"]["timing"] = {
        "anyOf": [{"const": "off"}, {"$ref": "#/$defs/Timing"}],
        "description": Study.model_fields["timing"].description,
    }
    schema["properties"]["name"]["pattern"] = f"^{STUDY_NAME}$"
    schema["patternProperties"] = {f"^{TEMPLATE}": {"description": "a template, for aliases"}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """Return the schema as a file holds it."""
    return json.dumps(study_schema(), indent=2, ensure_ascii=False) + "\n"


def _choice(choice: type[Choice]) -> Schema:
    more: Schema = {}  # fields beside the parameters
    if issubclass(choice, DatasetChoice):
        names = {"enum": [None, *NAMED_DATASETS]}
        more = {"fallback": {**names, "description": "used where the data set is unavailable"}}
    forms: list[Schema] = [{"enum": list(choice.registry), "description": choice.__doc__}]
    forms += [
        _with_parameters(name, entry, choice.passed, more)
        for name, entry in choice.registry.items()
    ]
    if choice.may_import:
        target = {"type": "string", "pattern": f"^{IMPORT_TARGET}$"}
        own = {key: {"enum": list(values)} for key, values in choice.settings.items()}
        fields = {"import": target, **own, **more}
        forms.append({"type": "object", "required": ["import"], "properties": fields})
    if choice in (ModelChoice, DatasetChoice):
        name = {"type": "string", "pattern": f"^{TORCHVISION}\\w+$"}
        forms.append(name)
        fields = {"name": name, **more}
        forms.append({"type": "object", "required": ["name"], "properties": fields})
    return {"anyOf": forms}


def _with_parameters(name: str, entry: Entry, passed: Passed, more: Schema) -> Schema:
    known = parameters(entry.target, passed) or ()
    own = {p.name: {**TypeAdapter(p.annotation).json_schema(), **_default(p)} for p in known}
    return {
        "type": "object",
        "description": entry.summary,
        "required": ["name", *(p.name for p in known if p.required)],
        "properties": {"name": {"const": name}, **own, **more},
        "additionalProperties": False,
    }


def _default(parameter: Parameter) -> Schema:
    value = parameter.default
    if not parameter.is_literal:
        return {}
    return {"default": list(value) if isinstance(value, tuple) else value}
