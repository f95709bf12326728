"""What is read from a source without importing it is what Python says after importing it."""

import inspect

import pytest

from bench.optim import OPTIMIZERS, SCHEDULES
from bench.registry import Entry, load, parameters

ENTRIES = [*OPTIMIZERS.values(), *SCHEDULES.values()]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.target)
def test_parameters_are_the_keyword_only_ones_of_the_signature(entry: Entry) -> None:
    signature = inspect.signature(load(entry.target)).parameters.values()
    real = [p for p in signature if p.kind is inspect.Parameter.KEYWORD_ONLY]
    read = parameters(entry.target)
    assert read is not None
    assert [(p.name, p.annotation, p.default) for p in read] == [
        (p.name, p.annotation, p.default) for p in real
    ]
    assert not any(p.required for p in read)
    assert all(p.is_literal for p in read)
