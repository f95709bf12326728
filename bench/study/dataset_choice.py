"""The field of a study that names a data set."""

from collections.abc import Mapping
from typing import Any

from pydantic import model_serializer, model_validator
from pydantic_core import PydanticCustomError

from bench.data import DATASETS, NAMED_DATASETS, TORCHVISION, TORCHVISION_DATASETS
from bench.data.source import Source
from bench.errors import nearest
from bench.registry import Entry, Passed, call, parameters
from bench.study.choice import Choice, invalid_at, known_name


class DatasetChoice(Choice):
    """A data set, and the one to use where it is unavailable."""

    registry = DATASETS
    passed = Passed(0, ("name", "torchvision_name"))

    fallback: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, data: Any) -> Any:
        fallback = None
        if isinstance(data, DatasetChoice):
            data = data.declared()
        if isinstance(data, Mapping):
            fallback = cls._fallback(data.get("fallback"))
            data = {key: value for key, value in data.items() if key != "fallback"}
            if not data:
                raise invalid_at(("name",), "is missing", data)
        resolved: dict[str, Any] = super()._resolve(data)  # type: ignore[operator]
        return {**resolved, "fallback": fallback}

    @classmethod
    def _fallback(cls, name: Any) -> str | None:
        if name is None:
            return None
        try:
            return known_name("dataset", name, NAMED_DATASETS)
        except ValueError as error:
            raise invalid_at(("fallback",), str(error), name) from None

    @classmethod
    def _complete(cls, name: str, target: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return all parameters; a misspelt `fallback` is named where the data set has no such."""
        known = parameters(target, cls.passed)
        for key in given.keys() - {p.name for p in known or ()}:
            if known is not None and nearest(key, ["fallback"]):
                message = "unknown field. Did you mean 'fallback'?"
                raise invalid_at((key,), message, given[key])
        return super()._complete(name, target, given)

    @classmethod
    def _registered(cls, name: Any) -> tuple[str, str]:
        try:
            return super()._registered(name)
        except PydanticCustomError as error:
            raise invalid_at(("name",), str(error), name) from None

    @classmethod
    def entries(cls, name: str = "") -> Mapping[str, Entry]:
        """Return also torchvision's data sets."""
        if name.startswith(TORCHVISION):
            return TORCHVISION_DATASETS
        return {**super().entries(name), **TORCHVISION_DATASETS}

    def used(self, label: str) -> "DatasetChoice":
        """Return the data set of this label: this one without its fallback, or the fallback."""
        if label == self.label:
            return self.model_copy(update={"fallback": None})
        return DatasetChoice.model_validate(self.fallback)

    def source(self) -> Source:
        """Return the data set itself."""
        if self.name in DATASETS or self.name in TORCHVISION_DATASETS:
            named = {"name": self.label, "torchvision_name": self.name}
            source: Source = call(self.target, self.parameters, **named)
            return source
        from bench.data.imported_set import ImportedSet

        return ImportedSet(name=self.label, target=self.target, given=self.parameters)

    @model_serializer
    def declared(self) -> dict[str, Any]:
        """Return the choice as a study file writes it, with every parameter."""
        return {
            "import" if self.imported else "name": self.name,
            **self.parameters,
            "fallback": self.fallback,
        }
