"""`bench init` writes a study that runs as it is, explains itself, and overwrites nothing."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.study.design import expand
from bench.study.json_schema import study_schema
from bench.study.starter import write_starter
from bench.study.study_file import load_study
from bench.study.yaml_source import read_value

# A field behind a #, but no sentence: what a user may take the # off.
POSSIBLE = re.compile(r"^( *)# (?=[a-z_.]+: [\[{\w]|- \{)", re.MULTILINE)


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("starter") / "first.yaml"
    write_starter("first", path)
    return path.read_text(encoding="utf-8")


def test_it_is_written_here_and_can_be_planned_as_it_states(
    bench: Callable, tmp_path: Path
) -> None:
    done = bench("init", "first")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "wrote first.yaml",
        "wrote schema.json",
        "next: bench plan first.yaml",
        "      bench run first.yaml",
    ]
    assert json.loads((tmp_path / "schema.json").read_text()) == study_schema()
    planned = bench("plan", "first.yaml", "--set", "base.device=cpu")
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.startswith("first – ")
    assert "4 cells: 12 trials" in planned.stdout


def test_a_folder_of_studies_is_where_it_goes(bench: Callable, tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    assert bench("init", "first").returncode == 0
    assert not (tmp_path / "first.yaml").exists()
    assert load_study(tmp_path / "studies/first.yaml").name == "first"
    assert (tmp_path / "studies/schema.json").is_file()


@pytest.mark.parametrize(
    ("out", "written"),
    [("other.yml", "other.yml"), ("new/a b.yaml", "new/a b.yaml"), ("new", "new/first.yaml")],
)
def test_out_names_the_file_or_its_folder(
    bench: Callable, tmp_path: Path, out: str, written: str
) -> None:
    done = bench("init", "first", "--out", out)
    assert (tmp_path / written).is_file(), done.stderr
    assert f"bench run {shlex.quote(written)}" in done.stdout


@pytest.mark.parametrize("there", ["first.yaml", "schema.json"])
def test_nothing_is_overwritten(bench: Callable, tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    done = bench("init", "first")
    assert (tmp_path / there).read_text() == "mine"
    if there == "schema.json":
        assert done.returncode == 0
        assert "schema.json" not in done.stdout
    else:
        assert done.returncode == 2
        assert done.stderr == (
            "bench: first.yaml: already exists\n"
            "  Choose another name, or another file with --out.\n"
        )
        assert not (tmp_path / "schema.json").exists()


def test_a_file_where_a_folder_should_be_is_named(bench: Callable, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").touch()
    done = bench("init", "first", "--out", "file.yaml/first.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("bench: file.yaml: already exists\n")


@pytest.mark.parametrize("name", ["First", "studies/first.yaml", "my study", "../x", "x" * 101])
def test_a_name_that_no_study_may_have_is_refused(
    bench: Callable, tmp_path: Path, name: str
) -> None:
    done = bench("init", name)
    assert done.returncode == 2
    assert "expected lowercase letters" in done.stderr
    assert "--out" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["123", "true", "null", "1e3", "a-b_c"])
def test_a_name_that_yaml_would_take_for_something_else_stays_a_name(
    tmp_path: Path, name: str
) -> None:
    write_starter(name, tmp_path / "study.yaml")
    assert load_study(tmp_path / "study.yaml").name == name


def test_every_field_is_explained(starter: str) -> None:
    assert starter.startswith("# yaml-language-server: $schema=schema.json\n")
    fields = POSSIBLE.sub(r"\1", starter).splitlines()
    fields = [line for line in fields if line.strip() and not line.startswith("# ")]
    assert len(fields) > 20
    assert [line for line in fields if "  # " not in line] == []
    assert max(map(len, starter.splitlines())) <= 100


def test_each_further_possibility_is_valid_alone_and_all_are_together(
    starter: str, tmp_path: Path
) -> None:
    found = list(POSSIBLE.finditer(starter))
    fields_shown = {starter[match.end() :].partition(":")[0] for match in found}
    assert {"design", "include", "exclude", "tune", "limits", "target_accuracy"} <= fields_shown
    assert any(starter.startswith("- {import", match.end()) for match in found)
    texts = [f"{starter[: m.end() - 2]}{starter[m.end() :]}" for m in found]
    path = tmp_path / "study.yaml"
    plain = read_value(starter, "here")
    for text in texts:
        path.write_text(text, encoding="utf-8")
        assert read_value(text, "here") != plain
        assert expand(load_study(path)).cells
    path.write_text(POSSIBLE.sub(r"\1", starter), encoding="utf-8")
    load_study(path)
