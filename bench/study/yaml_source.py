"""YAML with the line of every field.

PyYAML reads YAML 1.1, where `1e-3` is a string and `off` is false. Here numbers are numbers, only
`true` and `false` are booleans, keys are unique, and the only values are scalars, lists and
mappings. Anchors and merge keys (`<<: *base`) work as long as their expansion stays small.
"""

import re
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
KEYWORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass
class Source:
    """Plain data, and for each path in it where it was written ("study.yaml:3")."""

    name: str
    data: Any = None
    places: dict[Path, str] = field(default_factory=dict)

    def place(self, path: Path) -> str:
        """Return where the nearest enclosing field of `path` was written."""
        prefixes = (path[:end] for end in range(len(path), -1, -1))
        return next((self.places[p] for p in prefixes if p in self.places), self.name)


def read_yaml(text: str, name: str) -> Source:
    """Read a YAML document; raise StudyError with `name` and the line where it is invalid."""
    if len(text) > LARGEST_BYTES:
        raise StudyError(f"is larger than {LARGEST_BYTES:,} bytes", where=name)
    source = Source(name, places={(): name})
    node = _compose(text, name)
    if node is not None:
        source.data = _Builder(source).build(node, (), 0)
    return source


def _compose(text: str, name: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        problem = error.problem or error.context
        raise StudyError(f"is not valid YAML: {problem}", where=where) from None
    except yaml.reader.ReaderError as error:
        where = f"{name}:{text.count(chr(10), 0, error.position) + 1}"
        code = f"U+{ord(text[error.position]):04X}"
        raise StudyError(f"contains the character {code}, invalid in YAML", where=where) from None
    except RecursionError:
        raise StudyError(f"is nested more than {DEEPEST} levels deep", where=name) from None
    except (ValueError, OverflowError):  # PyYAML does not check every number of its own syntax
        problem = "an escape or a version is out of range"
        raise StudyError(f"is not valid YAML: {problem}", where=name) from None
    return node


def read_value(text: str, name: str) -> Any:
    """Read one value of `--set PATH=VALUE`, which has no line numbers."""
    try:
        return read_yaml(text, name).data
    except StudyError as error:
        raise StudyError(error.what, where=name) from None


class _Dumper(yaml.SafeDumper):
    """Quotes strings that `read_yaml` would read as something else."""


def _represent_string(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None if _plain(text) == text and text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_string)


def write_yaml(data: Any) -> str:
    """Write plain data so that `read_yaml` returns the same again."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


Fields = dict[str, tuple[yaml.Node, yaml.Node]]  # nodes of key and value, by key


class _Builder:
    """Builds plain data from nodes and records their places."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._nodes = 0

    def build(self, node: yaml.Node, path: Path, depth: int) -> Any:
        where = self._place(node)
        self._source.places.setdefault(path, where)
        self._count(where, depth)
        match node:
            case yaml.MappingNode():
                fields = self._fields(node, path, depth)
                for key, (key_node, _) in fields.items():
                    self._source.places[(*path, key)] = self._place(key_node)
                return {k: self.build(v, (*path, k), depth + 1) for k, (_, v) in fields.items()}
            case yaml.SequenceNode():
                items = enumerate(node.value)
                return [self.build(item, (*path, i), depth + 1) for i, item in items]
            case _:
                text = _text(node, where)
                return _plain(text) if getattr(node, "style", None) is None else text

    def _fields(self, node: yaml.MappingNode, path: Path, depth: int) -> Fields:
        """Return a mapping's fields: merged ones first, without those that it sets itself."""
        own: Fields = {}
        merged: Fields = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            where = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                raise StudyError("expected a plain key, got a list or mapping", where=where)
            key = _text(key_node, where)
            if key in lines:
                message = f"{dotted((*path, key))}: duplicate key, first on line {lines[key]}"
                raise StudyError(message, where=where)
            lines[key] = key_node.start_mark.line + 1
            if key == MERGE and key_node.style is None:
                merged = self._merged(value_node, path, depth + 1)
            else:
                own[key] = (key_node, value_node)
        return {key: nodes for key, nodes in merged.items() if key not in own} | own

    def _merged(self, node: yaml.Node, path: Path, depth: int) -> Fields:
        """Return the fields of a merge key; of several mappings the first with a field wins."""
        where = self._place(node)
        fields: Fields = {}
        for mapping in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            self._count(where, depth)
            if not isinstance(mapping, yaml.MappingNode):
                expected = "expected a mapping or a list of mappings, such as *base"
                raise StudyError(f"{dotted((*path, MERGE))}: {expected}", where=where)
            for key, nodes in self._fields(mapping, path, depth).items():
                self._count(where, depth)
                fields.setdefault(key, nodes)
        return fields

    def _place(self, node: yaml.Node) -> str:
        return f"{self._source.name}:{node.start_mark.line + 1}"

    def _count(self, where: str, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            message = f"has more than {MOST_NODES:,} values with aliases expanded"
            raise StudyError(message, where=where)
        if depth > DEEPEST:
            raise StudyError(f"is nested more than {DEEPEST} levels deep", where=where)


def _text(node: yaml.Node, where: str) -> str:
    text: str = node.value
    if SURROGATE.search(text):
        message = "invalid escape: half of a surrogate pair (\\ud800 to \\udfff)"
        raise StudyError(message, where=where)
    return text


def _plain(text: str) -> Any:
    if text.lower() in KEYWORDS:
        return KEYWORDS[text.lower()]
    if INTEGER.fullmatch(text):
        return int(text.replace("_", "")) if len(text) < 40 else text
    if NUMBER.fullmatch(text):
        return float(text.replace("_", ""))
    return SPECIAL.get(text.lower(), text)


def dotted(path: Path) -> str:
    """Write a path: base.optimizer.lr, seeds[2]."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
