"""The study as resolved, and the machine, software and data that it ran on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.analysis.table_files import read_mapping
from bench.cell_names import SEPARATOR
from bench.formatting import format_bytes, plural

_NAMES: Mapping[str, str] = {
    "cpu": "CPU",
    "cores": "CPU cores",
    "gpus": "GPU",
    "os": "operating system",
    "started_at": "started",
    "finished_at": "finished",
}


@dataclass(frozen=True)
class Context:
    """The content of study.yaml and environment.json; both may be missing or partial."""

    study: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target_accuracy(self) -> float | None:
        """Return the study's target accuracy as a fraction."""
        target = self.study.get("target_accuracy")
        return float(target) if isinstance(target, int | float) else None

    def fallback_warning(self) -> str | None:
        """Return a warning if another dataset was used than the study requested."""
        data = self._part("data")
        requested, used = data.get("requested"), data.get("used")
        if not requested or not used or requested == used:
            return None
        why = f" ({data['why']})" if data.get("why") else ""
        return f"These numbers are from {used}, not from {requested}{why}."

    def one_line(self) -> str:
        """Return data, hardware, torch version and day in one line."""
        machine, torch = self._part("machine"), self._part("software").get("torch")
        cores, cpu, gpus = (machine.get(key) for key in ("cores", "cpu", "gpus"))
        parts = [
            self._part("data").get("used"),
            f"{plural(cores, 'core')} of {cpu}" if cores and cpu else None,
            _format_value("", gpus) if gpus else None,
            f"torch {torch}" if torch else None,
            str(self.environment.get("started_at") or "")[:10],
        ]
        return SEPARATOR.join(str(part) for part in parts if part)

    def conditions(self) -> list[tuple[str, str]]:
        """Return machine, software, data and times as (name, value)."""
        known = {
            **self._part("machine"),
            **self._part("software"),
            "data set": str(self._part("data").get("used") or ""),
            **{key: self.environment.get(key) for key in ("commit", "started_at", "finished_at")},
        }
        rows = ((_name(key), _format_value(key, value)) for key, value in known.items())
        return [(name, value) for name, value in rows if value]

    def _part(self, name: str) -> Mapping[str, Any]:
        part = self.environment.get(name)
        return part if isinstance(part, Mapping) else {}


def read_context(results_dir: Path) -> Context:
    """Read study.yaml and environment.json where they exist.

    Raises StoreError for a file that holds no mapping.
    """
    return Context(
        study=read_mapping(results_dir / "study.yaml", yaml.safe_load),
        environment=read_mapping(results_dir / "environment.json", json.loads),
    )


def _name(key: str) -> str:
    return _NAMES.get(key, key.removesuffix("_bytes").replace("_", " "))


def _format_value(key: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key.endswith("_bytes") and isinstance(value, int | float):
        return format_bytes(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{_name(k)} {_format_value(k, v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_format_value("", item) for item in value) or "none"
    return str(value)
