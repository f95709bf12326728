"""The key of an outcome: the same while everything that it depends on is the same."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.outcome_keys import OutcomeKeys, with_configuration

CONFIGURATION: dict[str, Any] = {"model": "convnet", "lr": 0.1, "seed": 0, "timing": {"blocks": 6}}
FINGERPRINT = {"machine": "a CPU | 4 cores", "software": "python=3.12 torch=2.6"}
CODE = {"code": "1"}


def outcome_key(
    configuration: Mapping[str, Any], code: Mapping[str, str], fingerprint: Mapping[str, str]
) -> dict[str, str]:
    return OutcomeKeys({}, code, fingerprint).of(configuration)


KEY = outcome_key(CONFIGURATION, CODE, FINGERPRINT)


def parts_changed(other: dict[str, str]) -> set[str]:
    assert other.keys() == KEY.keys()
    return {part for part in KEY if other[part] != KEY[part]}


def test_it_has_a_part_for_each_thing_that_an_outcome_depends_on() -> None:
    assert list(KEY) == ["configuration", "code", "machine", "software"]


def test_the_same_things_have_the_same_key() -> None:
    assert parts_changed(outcome_key(dict(CONFIGURATION), CODE, dict(FINGERPRINT))) == set()


def test_the_order_of_a_configuration_does_not_matter() -> None:
    backwards = dict(reversed(CONFIGURATION.items()))
    assert parts_changed(outcome_key(backwards, CODE, FINGERPRINT)) == set()


@pytest.mark.parametrize(
    "change",
    [{"lr": 0.2}, {"seed": 1}, {"timing": {"blocks": 5}}, {"new": None}, {"model": "lenet5"}],
)
def test_another_configuration_changes_only_its_part(change: dict[str, Any]) -> None:
    assert parts_changed(outcome_key(CONFIGURATION | change, CODE, FINGERPRINT)) == {
        "configuration"
    }


def test_other_code_changes_only_its_part() -> None:
    assert parts_changed(outcome_key(CONFIGURATION, {"code": "other"}, FINGERPRINT)) == {"code"}


@pytest.mark.parametrize("part", FINGERPRINT)
def test_another_machine_or_software_changes_only_its_part(part: str) -> None:
    other = FINGERPRINT | {part: "another"}
    assert parts_changed(outcome_key(CONFIGURATION, CODE, other)) == {part}


@given(st.dictionaries(st.text(), st.integers() | st.text()), st.dictionaries(st.text(), st.text()))
def test_two_configurations_have_one_key_exactly_if_they_are_equal(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    first, second = (outcome_key(c, CODE, FINGERPRINT) for c in (one, other))
    assert (first == second) == (one == other)


def test_a_key_does_not_depend_on_which_fields_are_shared() -> None:
    fields: dict[str, Any] = {"ü": "é", "lr": 1e-8, "none": None, "b": [{"z": 1, "a": True}]}
    text = json.dumps(fields, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    for split in range(len(fields) + 1):
        names = list(fields)
        shared, own = ({n: fields[n] for n in part} for part in (names[:split], names[split:]))
        key = OutcomeKeys(shared, CODE, FINGERPRINT, "digest").of(own)
        assert key == {"configuration": digest, **CODE, "data": "digest", **FINGERPRINT}
        assert with_configuration(key, fields) == key
