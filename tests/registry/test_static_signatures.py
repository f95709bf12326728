"""What is read from a source without importing it is what Python says after importing it."""

import inspect

import pytest

from bench.optim import OPTIMIZERS, SCHEDULES
from bench.registry import Entry, Passed, load, parameters

ENTRIES = [(entry, Passed(1)) for entry in OPTIMIZERS.values()]
ENTRIES += [(entry, Passed(2)) for entry in SCHEDULES.values()]


@pytest.mark.parametrize(("entry", "passed"), ENTRIES, ids=[e.target for e, _ in ENTRIES])
def test_parameters_are_the_keyword_only_ones_of_the_signature(
    entry: Entry, passed: Passed
) -> None:
    signature = inspect.signature(load(entry.target)).parameters.values()
    real = [p for p in signature if p.kind is inspect.Parameter.KEYWORD_ONLY]
    read = parameters(entry.target, passed)
    assert read is not None
    assert [(p.name, p.annotation, p.default) for p in read] == [
        (p.name, p.annotation, p.default) for p in real
    ]
    assert not any(p.required for p in read)
    assert all(p.is_literal for p in read)
