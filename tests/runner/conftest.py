"""A study of two cells in a folder of its own."""

from dataclasses import replace
from pathlib import Path

import pytest
from runner_doubles import STUDY, Ask

from bench.planning import Request
from bench.runner import session


@pytest.fixture(autouse=True)
def at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the tables that follow from others at the end only; on the way they take long."""
    monkeypatch.setattr(session.DerivedTables, "refresh", lambda derived: None)


@pytest.fixture
def ask(tmp_path: Path, digits_dir: Path) -> Ask:
    def request(text: str = STUDY, **options: object) -> Request:
        path = tmp_path / "made_up.yaml"
        path.write_text(text, encoding="utf-8")
        made = Request(path, results=tmp_path / "results", data_dir=digits_dir, report=False)
        return replace(made, **options)  # type: ignore[arg-type]

    return request
