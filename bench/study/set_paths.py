"""What `--set PATH=VALUE` may say: the paths of a study, and the values that are known for each.

All of it stands in the JSON Schema that editors complete by.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from bench.errors import BenchError
from bench.models.model_lookup import TORCHVISION, models_beside
from bench.study.json_schema import Schema, study_schema

Completion = tuple[str, str]  # what may be written, and a line about it
AXES, BASE = "axes.", "base."


@dataclass(frozen=True)
class Settable:
    """A field that can be set: a line about it, and its known values with a line about each."""

    about: str
    values: Mapping[str, str]


def settable() -> dict[str, Settable]:
    """Give every path that can be set; an axis goes by the path of its field below `base`."""
    schema = study_schema()
    found = dict(_below(schema, schema["$defs"], ""))
    fields = [path for path in found if path.startswith(BASE) and not path.endswith(".fallback")]
    return found | {AXES + path.removeprefix(BASE): found[path] for path in fields}


def completions(typed: str) -> list[Completion]:
    """Complete a path by one more part, or after its `=` the value.

    A single path comes with its values, so that no shell takes the word for finished at the `=`.
    """
    known = settable()
    path, equals, text = typed.partition("=")
    if equals:
        return _values(path, known[path], text) if path in known else []
    parts = typed.count(".")
    near = [(p, f) for p, f in known.items() if p.startswith(typed) and p.count(".") == parts]
    groups = {path.rpartition(".")[0] for path in known}
    offered = [(f"{p}=", f.about) for p, f in near if f.values or p not in groups]
    offered += [(f"{p}.", f.about) for p, f in near if p in groups]
    if len(offered) != 1:
        return offered
    ((only, _),) = offered
    further = completions(only)
    return further if len(further) > 1 else offered + further


def _values(path: str, field: Settable, text: str) -> list[Completion]:
    """Complete a value; for an axis, the last one of a list."""
    values, before = field.values, ""
    if path.startswith(AXES):
        start = max(text.rfind("["), text.rfind(",")) + 1
        before, text = text[:start] or "[", text[start:]
    if path.endswith(".model"):
        values = _networks(text)
    return [(f"{path}={before}{v}", about) for v, about in values.items() if v.startswith(text)]


def _networks(text: str) -> dict[str, str]:
    """Give every network that can be meant; torchvision's many only once they are asked for."""
    names = {} if text.startswith(TORCHVISION) else {TORCHVISION: "torchvision's networks"}
    with suppress(BenchError):  # torchvision may be missing
        names = {name: entry.summary for name, entry in models_beside(text).items()} | names
    return names


def _below(
    node: Schema, definitions: Mapping[str, Schema], path: str
) -> Iterator[tuple[str, Settable]]:
    """List a node's path and those of its fields; networks share some of their parameters'."""
    forms = list(_forms(node, definitions))
    fields = [
        (name, field)
        for form in forms
        for name, field in form.get("properties", {}).items()
        if not path or name not in ("name", "import")  # base.model=lenet5 says it
    ]
    if path:
        yield path, Settable(node.get("description", ""), _known(forms))
    for name, field in fields:
        yield from _below(field, definitions, f"{path}.{name}" if path else name)


def _forms(node: Schema, definitions: Mapping[str, Schema]) -> Iterator[Schema]:
    """List a node and all that it refers to or offers a choice of."""
    yield node
    if "$ref" in node:
        yield from _forms(definitions[node["$ref"].rpartition("/")[2]], definitions)
    for form in (*node.get("anyOf", ()), *node.get("allOf", ())):
        yield from _forms(form, definitions)


def _known(forms: list[Schema]) -> dict[str, str]:
    """List the values that the forms of a field name; where they name none, its default."""
    names: list[object] = []
    abouts: dict[object, str] = {}
    for form in forms:
        names += form.get("enum", [])
        names += [form["const"]] if "const" in form else []
        names += [True, False] if form.get("type") == "boolean" else []
        named = form.get("properties", {}).get("name", {}).get("const")
        abouts[named] = form.get("description", "")
    if names:
        return {_written(name): abouts.get(name, "") for name in names}
    default = forms[0].get("default")
    is_its_own = "description" in forms[0]  # and not one network's among several
    is_scalar = isinstance(default, int | float | str) and default != ""
    return {_written(default): "the default"} if is_its_own and is_scalar else {}


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).strip('"')
