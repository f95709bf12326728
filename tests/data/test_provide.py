"""Which data set is used: the requested one, its fallback, or none and an error."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.data import availability
from bench.data.availability import Provision
from bench.data.images import ImageSet
from bench.data.source import Location, Progress, Source
from bench.errors import DataError

NOWHERE = Location()


@dataclass
class Made(Source):
    """A fake source that records its calls."""

    name: str
    lacks: str | None = None
    unreachable: bool = False
    damaged: bool = False
    is_local: bool = False
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

    def locate(self, data_dir: Path) -> Location:
        return NOWHERE if self.lacks and not self.calls else content_of(self.name)

    def read(self, folder: Path) -> ImageSet:
        raise AssertionError("providing reads nothing")

    def paths(self, folder: Path) -> list[Path]:
        raise AssertionError("providing reads nothing")


def content_of(name: str) -> Location:
    return Location(Path("nowhere"), f"content of {name}")


@pytest.fixture
def sources() -> dict[str, Made]:
    return {
        "there": Made("there"),
        "absent": Made("absent", lacks="it lacks a file"),
        "unreachable": Made("unreachable", lacks="it lacks a file", unreachable=True),
        "damaged": Made("damaged", damaged=True),
        "embedded": Made("embedded", is_local=True),
    }


def served(
    sources: dict[str, Made], name: str, fallback: str | None = None, *, offline: bool = False
) -> Provision:
    return availability.provide(
        sources[name],
        sources[fallback] if fallback else None,
        Path("nowhere"),
        offline=offline,
        progress=lambda what, done, total: None,
    )


def foreseen(sources: dict[str, Made], name: str, *, offline: bool) -> Provision:
    return availability.foresee(
        sources[name], sources["embedded"], Path("nowhere"), offline=offline
    )


def test_what_is_there_is_verified_and_not_fetched(sources: dict[str, Made]) -> None:
    assert served(sources, "there") == Provision("there", "there", location=content_of("there"))
    assert sources["there"].calls == ["verify"]


def test_what_is_absent_is_fetched_and_then_verified(sources: dict[str, Made]) -> None:
    assert served(sources, "absent", "embedded") == Provision(
        "absent", "absent", location=content_of("absent")
    )
    assert sources["absent"].calls == ["fetch", "verify"]


def test_what_cannot_be_fetched_is_served_by_the_fallback_which_is_stated(
    sources: dict[str, Made],
) -> None:
    provision = served(sources, "unreachable", "embedded")
    assert provision == Provision(
        "unreachable", "embedded", "no mirror answered", content_of("embedded")
    )
    assert sources["embedded"].calls == ["fetch", "verify"]


def test_offline_nothing_is_fetched_from_outside(sources: dict[str, Made]) -> None:
    provision = served(sources, "absent", "embedded", offline=True)
    assert provision.used == "embedded"
    assert "--offline" in (provision.why or "")
    assert sources["absent"].calls == []


def test_without_a_fallback_it_is_an_error_that_names_the_ways_out(
    sources: dict[str, Made],
) -> None:
    with pytest.raises(DataError) as caught:
        served(sources, "unreachable")
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
        served(sources, "damaged", "embedded")
    assert sources["damaged"].calls == ["verify"]
    assert sources["embedded"].calls == []


def test_foreseeing_touches_nothing(sources: dict[str, Made]) -> None:
    for offline in (True, False):
        for name in sources.keys() - {"damaged"}:
            foreseen(sources, name, offline=offline)
    assert all(set(source.calls) <= {"verify"} for source in sources.values())


@pytest.mark.parametrize("offline", [True, False])
def test_foreseeing_refuses_a_damaged_set_as_providing_does(
    sources: dict[str, Made], offline: bool
) -> None:
    with pytest.raises(DataError, match="a-file: was altered"):
        foreseen(sources, "damaged", offline=offline)


def test_foreseeing_names_the_fallback_when_offline(sources: dict[str, Made]) -> None:
    assert foreseen(sources, "absent", offline=True).used == "embedded"
    assert foreseen(sources, "absent", offline=False).used == "absent"
