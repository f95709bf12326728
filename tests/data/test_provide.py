"""Which data set is used: the requested one, its fallback, or none and an error."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.data import DATASETS, availability
from bench.data.availability import Provision
from bench.data.dataset_files import Progress
from bench.data.images import ImageSet
from bench.errors import DataError


@dataclass
class Made:
    """A fake source that records its calls."""

    name: str
    lacks: str | None = None
    unreachable: bool = False
    damaged: bool = False
    embedded: bool = False
    summary: str = ""
    calls: list[str] = field(default_factory=list)

    def missing(self, data_dir: Path) -> str | None:
        return self.lacks

    def fetch(self, data_dir: Path, progress: Progress) -> None:
        self.calls.append("fetch")
        if self.unreachable:
            raise DataError("no mirror answered", hint="Check the connection.")

    def verify(self, data_dir: Path) -> None:
        self.calls.append("verify")
        if self.damaged:
            raise DataError("was altered", where="a-file")

    def digest(self, data_dir: Path) -> str | None:
        return None if self.lacks and not self.calls else f"content of {self.name}"

    def read(self, data_dir: Path) -> ImageSet:
        raise AssertionError("providing reads nothing")


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> dict[str, Made]:
    made = {
        "there": Made("there"),
        "absent": Made("absent", lacks="it lacks a file"),
        "unreachable": Made("unreachable", lacks="it lacks a file", unreachable=True),
        "damaged": Made("damaged", damaged=True),
        "embedded": Made("embedded", embedded=True),
    }
    monkeypatch.setattr(availability, "DATASETS", made)
    return made


def served(name: str, fallback: str | None = None, *, offline: bool = False) -> Provision:
    return availability.provide(
        name, fallback, Path("nowhere"), offline=offline, progress=lambda what, done, total: None
    )


def test_what_is_there_is_verified_and_not_fetched(sources: dict[str, Made]) -> None:
    assert served("there") == Provision("there", "there", digest="content of there")
    assert sources["there"].calls == ["verify"]


def test_what_is_absent_is_fetched_and_then_verified(sources: dict[str, Made]) -> None:
    assert served("absent", "embedded") == Provision("absent", "absent", digest="content of absent")
    assert sources["absent"].calls == ["fetch", "verify"]


def test_what_cannot_be_fetched_is_served_by_the_fallback_which_is_stated(
    sources: dict[str, Made],
) -> None:
    provision = served("unreachable", "embedded")
    assert provision == Provision(
        "unreachable", "embedded", "no mirror answered", "content of embedded"
    )
    assert sources["embedded"].calls == ["fetch", "verify"]


def test_offline_nothing_is_fetched_from_outside(sources: dict[str, Made]) -> None:
    provision = served("absent", "embedded", offline=True)
    assert provision.used == "embedded"
    assert "--offline" in (provision.why or "")
    assert sources["absent"].calls == []


def test_without_a_fallback_it_is_an_error_that_names_the_ways_out(
    sources: dict[str, Made],
) -> None:
    with pytest.raises(DataError) as caught:
        served("unreachable")
    message = str(caught.value)
    for way_out in (
        "Check the connection.",
        "bench data fetch unreachable",
        "--data-dir",
        "fallback",
    ):
        assert way_out in message


def test_a_damaged_set_is_refused_fallback_or_not(sources: dict[str, Made]) -> None:
    with pytest.raises(DataError, match="a-file: was altered"):
        served("damaged", "embedded")
    assert sources["damaged"].calls == ["verify"]
    assert sources["embedded"].calls == []


def test_foreseeing_touches_nothing(sources: dict[str, Made]) -> None:
    for offline in (True, False):
        for name in sources.keys() - {"damaged"}:
            availability.foresee(name, "embedded", Path("nowhere"), offline=offline)
    assert all(set(source.calls) <= {"verify"} for source in sources.values())


@pytest.mark.parametrize("offline", [True, False])
def test_foreseeing_refuses_a_damaged_set_as_providing_does(
    sources: dict[str, Made], offline: bool
) -> None:
    with pytest.raises(DataError, match="a-file: was altered"):
        availability.foresee("damaged", "embedded", Path("nowhere"), offline=offline)


def test_foreseeing_names_the_fallback_when_offline(sources: dict[str, Made]) -> None:
    assert availability.foresee("absent", "embedded", Path(), offline=True).used == "embedded"
    assert availability.foresee("absent", "embedded", Path(), offline=False).used == "absent"


def test_only_the_digits_are_embedded() -> None:
    assert [name for name, source in DATASETS.items() if source.embedded] == ["digits"]
