"""What stands beside the tables: the study as it was resolved, and the machine it ran on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.analysis.table_files import read_mapping
from bench.cell_names import SEPARATOR
from bench.formatting import format_bytes, plural

_WORDS: Mapping[str, str] = {
    "cpu": "CPU",
    "cores": "CPU cores",
    "gpus": "GPU",
    "os": "operating system",
    "started_at": "started",
    "finished_at": "finished",
}


@dataclass(frozen=True)
class Context:
    """study.yaml and environment.json as they were found; both may be missing or partial."""

    study: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target_accuracy(self) -> float | None:
        """Give the accuracy to be reached as a fraction, if the study has one."""
        target = self.study.get("target_accuracy")
        return float(target) if isinstance(target, int | float) else None

    def fallback(self) -> str | None:
        """Say that another data set served than was asked for; None where that is not so."""
        data = _section(self.environment, "data")
        requested, used = data.get("requested"), data.get("used")
        if not requested or not used or requested == used:
            return None
        why = f" ({data['why']})" if data.get("why") else ""
        return f"These numbers are from {used}, not from {requested}{why}."

    def in_short(self) -> str:
        """Say in a line what these numbers were measured on: data, hardware, torch, day."""
        machine = _section(self.environment, "machine")
        cores, gpus = machine.get("cores"), machine.get("gpus")
        torch = _section(self.environment, "software").get("torch")
        told = [
            _section(self.environment, "data").get("used"),
            f"{plural(cores, 'core')} of {machine['cpu']}"
            if cores and machine.get("cpu")
            else None,
            _value("", gpus) if gpus else None,
            f"torch {torch}" if torch else None,
            str(self.environment.get("started_at") or "")[:10],
        ]
        return SEPARATOR.join(str(part) for part in told if part)

    def conditions(self) -> list[tuple[str, str]]:
        """List what is known of machine, software, data and time, as (name, value)."""
        rows = [
            (_words(key), _value(key, value))
            for name in ("machine", "software")
            for key, value in _section(self.environment, name).items()
        ]
        used = _section(self.environment, "data").get("used")
        rows += [("data set", str(used))] if used else []
        rows += [
            (_words(key), _value(key, self.environment[key]))
            for key in ("commit", "started_at", "finished_at")
            if self.environment.get(key)
        ]
        return [(name, value) for name, value in rows if value]


def read_context(results_dir: Path) -> Context:
    """Read study.yaml and environment.json where they exist.

    Raises StoreError for a file that holds no mapping.
    """
    return Context(
        study=read_mapping(results_dir / "study.yaml", yaml.safe_load),
        environment=read_mapping(results_dir / "environment.json", json.loads),
    )


def _section(environment: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = environment.get(name)
    return section if isinstance(section, Mapping) else {}


def _words(key: str) -> str:
    return _WORDS.get(key, key.removesuffix("_bytes").replace("_", " "))


def _value(key: str, value: Any) -> str:
    """Write a value of the environment on one line; nothing for a blank."""
    if value is None:
        return ""
    if key.endswith("_bytes") and isinstance(value, int | float):
        return format_bytes(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(k)} {_value(k, v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_value("", item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
