"""The JSON Schema of a study file, from the models and registries that check it."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from bench.data import DATASETS
from bench.data.normalisation import NORMALISATIONS
from bench.measure.openmp_spin import DEFAULT
from bench.models.model_lookup import TORCHVISION
from bench.registry import Entry, Parameter, parameters
from bench.study.choice import IMPORTED, Choice
from bench.study.spec import CHOICES, DEVICE, DURATION, Study
from bench.study.study_file import TEMPLATE

Schema = dict[str, Any]


def study_schema() -> Schema:
    """Build the schema that editors complete and check studies by."""
    schema = Study.model_json_schema()
    definitions = schema["$defs"]
    for choice in CHOICES.values():
        definitions[choice.__name__] = _choice(choice)
    definitions["DatasetChoice"] = _dataset(definitions["DatasetChoice"])
    fields = definitions["Cell"]["properties"]
    fields["spin_count"]["anyOf"] = [
        {"enum": ["auto", DEFAULT]},
        {"type": "integer", "minimum": 0},
    ]
    fields["threads"]["anyOf"] = [{"const": "auto"}, {"type": "integer", "minimum": 1}]
    fields["normalisation"]["enum"] = list(NORMALISATIONS)
    fields["device"]["anyOf"] = [{"enum": ["auto", "cpu", "cuda"]}, {"pattern": f"^({DEVICE})$"}]
    timeout = definitions["Limits"]["properties"]["trial_timeout"]
    timeout["anyOf"].append({"type": "string", "pattern": f"^{DURATION}$"})
    schema["properties"]["timing"] = {
        "anyOf": [{"const": "off"}, {"$ref": "#/$defs/Timing"}],
        "description": Study.model_fields["timing"].description,
    }
    schema["properties"]["name"]["pattern"] = "^[a-z0-9][a-z0-9_-]{0,99}$"
    schema["patternProperties"] = {f"^{TEMPLATE}": {"description": "a template, for aliases"}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """Write the schema as a file holds it."""
    return json.dumps(study_schema(), indent=2, ensure_ascii=False) + "\n"


def _choice(choice: type[Choice]) -> Schema:
    """Allow a name, or a name with its own parameters, or an import where the choice may."""
    forms: list[Schema] = [{"enum": list(choice.registry), "description": choice.__doc__}]
    forms += [_with_parameters(name, entry) for name, entry in choice.registry.items()]
    if choice.may_import:
        forms.append(
            {
                "type": "object",
                "required": ["import"],
                "properties": {"import": {"type": "string", "pattern": f"^{IMPORTED}$"}},
            }
        )
        name = {"type": "string", "pattern": f"^{TORCHVISION}\\w+$"}
        forms.append(name)
        forms.append({"type": "object", "required": ["name"], "properties": {"name": name}})
    return {"anyOf": forms}


def _with_parameters(name: str, entry: Entry) -> Schema:
    known = parameters(entry.target) or ()
    return {
        "type": "object",
        "description": entry.summary,
        "required": ["name"],
        "properties": {"name": {"const": name}, **{p.name: _parameter(p) for p in known}},
        "additionalProperties": False,
    }


def _parameter(parameter: Parameter) -> Schema:
    return {**TypeAdapter(parameter.annotation).json_schema(), "default": parameter.default}


def _dataset(written_out: Mapping[str, Any]) -> Schema:
    names = {"enum": list(DATASETS)}
    properties = {"name": names, "fallback": {**names, "description": "serves without it"}}
    return {"anyOf": [names, {**written_out, "properties": properties}]}
