"""YAML as people write it, with the line of every field.

PyYAML reads YAML 1.1, where `1e-3` is a string and `off` is false. Here numbers are numbers,
words are words (only `true` and `false` are not), a key stands once, and nothing is built but
plain scalars, lists and mappings. Anchors and merge keys (`<<: *base`) work, as long as what they
stand for stays small.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from bench.errors import StudyError

Path = tuple[str | int, ...]
LARGEST_BYTES = 200_000
MOST_NODES = 100_000
DEEPEST = 50
MERGE = "<<"

INTEGER = re.compile(r"[-+]?\d[\d_]*")
NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?")
SPECIAL = {".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}
SURROGATE = re.compile("[\ud800-\udfff]")
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass
class Source:
    """Plain data, and for each path in it the place that it was written at."""

    name: str
    data: Any = None
    places: dict[Path, str] = field(default_factory=dict)

    def place(self, path: Path) -> str:
        """Say where the nearest enclosing field of `path` is written."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return self.name


def read_yaml(text: str, name: str) -> Source:
    """Read one YAML document; `name` is what error messages call it.

    Raises StudyError with file and line for whatever cannot be read.
    """
    if len(text) > LARGEST_BYTES:
        raise StudyError(f"is larger than {LARGEST_BYTES:,} bytes", where=name)
    source = Source(name, places={(): name})
    node = _composed(text, name)
    if node is not None:
        source.data = _Builder(source).build(node, (), 0)
    return source


def _composed(text: str, name: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise StudyError(
            f"is not valid YAML: {error.problem or error.context}", where=where
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = f"U+{ord(text[error.position]):04X}"
        raise StudyError(
            f"is not a text file: YAML does not allow the character {code}", where=f"{name}:{line}"
        ) from None
    except RecursionError:
        raise StudyError(f"is nested more than {DEEPEST} levels deep", where=name) from None
    except (ValueError, OverflowError):  # PyYAML does not check every number in the syntax itself
        raise StudyError(
            "is not valid YAML: an escape or a version that is out of range", where=name
        ) from None
    return node


def read_value(text: str, name: str) -> Any:
    """Read one value, as `--set PATH=VALUE` gives it; it has no lines to name."""
    try:
        return read_yaml(text, name).data
    except StudyError as error:
        raise StudyError(error.what, where=name) from None


class _Dumper(yaml.SafeDumper):
    """Quotes what `read_yaml` would not take for a string."""


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None if _plain(text) == text and text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _string)


def write_yaml(data: Any) -> str:
    """Write plain data so that `read_yaml` gives the same again."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


Fields = dict[str, tuple[yaml.Node, yaml.Node]]  # name and value, by name


class _Builder:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._nodes = 0

    def build(self, node: yaml.Node, path: Path, depth: int) -> Any:
        where = self._place(node)
        self._source.places.setdefault(path, where)
        self._count(where, depth)
        match node:
            case yaml.MappingNode():
                return dict(self._pairs(node, path, depth))
            case yaml.SequenceNode():
                return [
                    self.build(item, (*path, i), depth + 1) for i, item in enumerate(node.value)
                ]
            case _:
                text = _text(node, where)
                # Quoted it is a string, else what it looks like.
                return _plain(text) if getattr(node, "style", None) is None else text

    def _pairs(self, node: yaml.MappingNode, path: Path, depth: int) -> Iterator[tuple[str, Any]]:
        for key, (key_node, value_node) in self._fields(node, path, depth).items():
            self._source.places[(*path, key)] = self._place(key_node)
            yield key, self.build(value_node, (*path, key), depth + 1)

    def _fields(self, node: yaml.MappingNode, path: Path, depth: int) -> Fields:
        """List a mapping's own fields, and before them what it merges and does not set itself."""
        own: Fields = {}
        merged: Fields = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            where = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                raise StudyError("a field's name must be a word", where=where)
            key = _text(key_node, where)
            if key in lines:
                raise StudyError(
                    f"{dotted((*path, key))} stands here twice; it is on line {lines[key]} too",
                    where=where,
                )
            lines[key] = key_node.start_mark.line + 1
            if key == MERGE and key_node.style is None:
                merged = self._merged(value_node, path, depth + 1)
            else:
                own[key] = (key_node, value_node)
        return {**{key: nodes for key, nodes in merged.items() if key not in own}, **own}

    def _merged(self, node: yaml.Node, path: Path, depth: int) -> Fields:
        """List what a merge key brings; of several mappings the first that has a field."""
        where = self._place(node)
        several = node.value if isinstance(node, yaml.SequenceNode) else [node]
        fields: Fields = {}
        for each in several:
            self._count(where, depth)
            if not isinstance(each, yaml.MappingNode):
                raise StudyError(
                    f"{dotted((*path, MERGE))}: expected a mapping or a list of mappings, "
                    "such as *base",
                    where=where,
                )
            for key, nodes in self._fields(each, path, depth).items():
                self._count(where, depth)
                fields.setdefault(key, nodes)
        return fields

    def _place(self, node: yaml.Node) -> str:
        return f"{self._source.name}:{node.start_mark.line + 1}"

    def _count(self, where: str, depth: int) -> None:
        """Count one more value; refuse too many, and too many levels."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise StudyError(f"has more than {MOST_NODES:,} values, aliases repeated", where=where)
        if depth > DEEPEST:
            raise StudyError(f"is nested more than {DEEPEST} levels deep", where=where)


def _text(node: yaml.Node, where: str) -> str:
    text: str = node.value
    if SURROGATE.search(text):
        raise StudyError("half a character: an escape from \\ud800 to \\udfff", where=where)
    return text


def _plain(text: str) -> Any:
    """Read a scalar without quotes."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    if INTEGER.fullmatch(text):
        return int(text.replace("_", "")) if len(text) < 40 else text
    if NUMBER.fullmatch(text):
        return float(text.replace("_", ""))
    return SPECIAL.get(text.lower(), text)


def dotted(path: Path) -> str:
    """Write a path as people do: base.optimizer.lr, seeds[2]."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
