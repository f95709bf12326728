"""Completion of `--set PATH=VALUE` from the JSON Schema: paths, and the known values of each."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from bench.errors import BenchError
from bench.models.model_lookup import TORCHVISION, candidate_models
from bench.study.json_schema import Schema, study_schema

Completion = tuple[str, str]  # the text to complete to, and a description
AXES, BASE = "axes.", "base."


@dataclass(frozen=True)
class SettableField:
    """A field that can be set: its description, and its known values with a description each."""

    description: str
    values: Mapping[str, str]


def settable_fields() -> dict[str, SettableField]:
    """Return the fields that can be set, by path; an axis has the path of its field in `base`."""
    schema = study_schema()
    found = dict(_fields(schema, schema["$defs"], ""))
    base = [path for path in found if path.startswith(BASE) and not path.endswith(".fallback")]
    return found | {AXES + path.removeprefix(BASE): found[path] for path in base}


def completions(typed: str) -> list[Completion]:
    """Complete a path by its next part, or the value after `=`.

    A single path comes with its values, lest a shell consider the word complete at the `=`.
    """
    known = settable_fields()
    path, equals, text = typed.partition("=")
    if equals:
        return _values(path, known[path], text) if path in known else []
    dots = typed.count(".")
    matches = [(p, f) for p, f in known.items() if p.startswith(typed) and p.count(".") == dots]
    groups = {path.rpartition(".")[0] for path in known}
    offered = [(f"{p}=", f.description) for p, f in matches if f.values or p not in groups]
    offered += [(f"{p}.", f.description) for p, f in matches if p in groups]
    if len(offered) != 1:
        return offered
    further = completions(offered[0][0])
    return further if len(further) > 1 else offered + further


def _values(path: str, field: SettableField, text: str) -> list[Completion]:
    """Complete a value; for an axis, the last one of its list."""
    values, prefix = field.values, ""
    if path.startswith(AXES):
        start = max(text.rfind("["), text.rfind(",")) + 1
        prefix, text = text[:start] or "[", text[start:]
    if path.endswith(".model"):
        values = _models(text)
    return [(f"{path}={prefix}{v}", line) for v, line in values.items() if v.startswith(text)]


def _models(text: str) -> dict[str, str]:
    """Return all models; those of torchvision, which are many, only after its prefix."""
    names = {} if text.startswith(TORCHVISION) else {TORCHVISION: "torchvision's networks"}
    with suppress(BenchError):  # torchvision may be missing
        names = {name: entry.summary for name, entry in candidate_models(text).items()} | names
    return names


def _fields(
    node: Schema, definitions: Mapping[str, Schema], path: str
) -> Iterator[tuple[str, SettableField]]:
    forms = list(_forms(node, definitions))
    if path:
        yield path, SettableField(node.get("description", ""), _known_values(forms))
    for form in forms:
        for name, field in form.get("properties", {}).items():
            if not path or name not in ("name", "import"):  # base.model=lenet5 sets the name
                yield from _fields(field, definitions, f"{path}.{name}" if path else name)


def _forms(node: Schema, definitions: Mapping[str, Schema]) -> Iterator[Schema]:
    """Yield a node, what it refers to, and its alternatives."""
    yield node
    if "$ref" in node:
        yield from _forms(definitions[node["$ref"].rpartition("/")[2]], definitions)
    for form in (*node.get("anyOf", ()), *node.get("allOf", ())):
        yield from _forms(form, definitions)


def _known_values(forms: list[Schema]) -> dict[str, str]:
    """Return the values that the forms of a field name, or else its default.

    Without names of components that need parameters: they are set together.
    """
    names: list[object] = []
    incomplete: list[object] = []
    descriptions: dict[object, str] = {}
    for form in forms:
        names += form.get("enum", [])
        names += [form["const"]] if "const" in form else []
        names += [True, False] if form.get("type") == "boolean" else []
        name = form.get("properties", {}).get("name", {}).get("const")
        descriptions[name] = form.get("description", "")
        incomplete += [name] if len(form.get("required", ())) > 1 else []
    if names:
        return {
            _written(name): descriptions.get(name, "") for name in names if name not in incomplete
        }
    default = forms[0].get("default")
    is_scalar = isinstance(default, int | float | str) and default != ""
    is_own = "description" in forms[0]  # and not a parameter of one of several models
    return {_written(default): "the default"} if is_own and is_scalar else {}


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).strip('"')
